import { type DragEvent, useId, useState } from 'react';
import { Icon } from '../parts/icon.tsx';
import { useWords } from '../words.ts';
import { importWords } from './import-words.ts';

type Properties = { onFiles: (files: File[]) => void; isBusy: boolean };

/** Files by mouse, or by keyboard with the browser's own dialog. */
export function DropZone({ onFiles, isBusy }: Properties) {
  const words = useWords(importWords);
  const id = useId();
  const [isOver, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files.length > 0) onFiles([...event.dataTransfer.files]);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the control inside does the same by keyboard
    <div
      className={isOver ? 'import-drop import-drop-over' : 'import-drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <Icon name="upload" />
      <p className="import-drop-title">{words.drop}</p>
      <p className="muted" id={`${id}-hint`}>
        {words.dropHint}
      </p>
      <div className="import-choose">
        <input
          id={id}
          type="file"
          multiple
          disabled={isBusy}
          aria-describedby={`${id}-hint`}
          accept=".csv,.tsv,.txt,.ndjson,.jsonl,.json,.xml,.gz"
          onChange={(event) => {
            const files = [...(event.target.files ?? [])];
            event.target.value = '';
            if (files.length > 0) onFiles(files);
          }}
        />
        <label htmlFor={id} className="button button-primary">
          {words.choose}
        </label>
      </div>
    </div>
  );
}
