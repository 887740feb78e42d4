import { useId, useRef, useState } from 'react';
import { defineWords, useWords } from '../words.ts';
import { Icon } from './icon.tsx';

const secretWords = defineWords({
  en: { copy: 'Copy', copied: 'Copied', once: 'It is shown this once and kept nowhere. Copy it now.' },
  ru: {
    copy: 'Копировать',
    copied: 'Скопировано',
    once: 'Он показывается один раз и нигде не хранится. Скопируйте его сейчас.',
  },
});

/** A secret that was made just now, to be copied. */
export function Secret({ label, value }: { label: string; value: string }) {
  const words = useWords(secretWords);
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState(false);
  async function copy(): Promise<void> {
    input.current?.select();
    // Only secure addresses have a clipboard; elsewhere the selected text is copied by hand.
    await navigator.clipboard?.writeText(value).then(
      () => setCopied(true),
      () => {},
    );
  }
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="secret">
        <input
          ref={input}
          id={id}
          className="monospace"
          readOnly
          value={value}
          aria-describedby={`${id}-hint`}
        />
        <button type="button" className="button" onClick={() => void copy()}>
          <Icon name={copied ? 'check' : 'page'} />
          {copied ? words.copied : words.copy}
        </button>
      </div>
      <p id={`${id}-hint`} className="field-hint">
        {words.once}
      </p>
    </div>
  );
}
