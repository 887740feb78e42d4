import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { download, type RequestOptions } from '../api.ts';
import { defineWords, useWords } from '../words.ts';
import { Icon } from './icon.tsx';
import { ErrorBox } from './notice.tsx';

const downloadWords = defineWords({
  en: { preparing: 'Preparing the file …' },
  ru: { preparing: 'Файл готовится …' },
});

type Properties = { path: string; fileName: string; options: RequestOptions; children: ReactNode };

/** Saves a file that the program makes, or says why there is none. */
export function DownloadButton({ path, fileName, options, children }: Properties) {
  const words = useWords(downloadWords);
  const save = useMutation({ mutationFn: () => download(path, fileName, options) });
  return (
    <>
      <button type="button" className="button" disabled={save.isPending} onClick={() => save.mutate()}>
        <Icon name="download" />
        {children}
      </button>
      {save.isPending && (
        <span className="muted" role="status">
          {words.preparing}
        </span>
      )}
      {save.isError && <ErrorBox error={save.error} />}
    </>
  );
}
