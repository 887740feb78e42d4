import { Icon } from './parts/icon.tsx';
import { shellWords } from './shell-words.ts';
import { useStore } from './store.ts';
import { themeStore, themes } from './theme.ts';
import { languageStore, languages, useWords } from './words.ts';

const icons = { auto: 'contrast', light: 'sun', dark: 'moon' } as const;

/** Language and theme: each a group of small buttons. */
export function Preferences() {
  const words = useWords(shellWords);
  const language = useStore(languageStore);
  const theme = useStore(themeStore);
  return (
    <div className="preferences">
      <fieldset className="segments">
        <legend className="visually-hidden">{words.language}</legend>
        {languages.map((one) => (
          <button
            key={one}
            type="button"
            lang={one}
            aria-pressed={one === language}
            aria-label={one === 'en' ? 'EN, English' : 'RU, Русский'}
            onClick={() => languageStore.set(one)}
          >
            {one.toUpperCase()}
          </button>
        ))}
      </fieldset>
      <fieldset className="segments">
        <legend className="visually-hidden">{words.theme}</legend>
        {themes.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={one === theme}
            aria-label={words.themes[one]}
            title={words.themes[one]}
            onClick={() => themeStore.set(one)}
          >
            <Icon name={icons[one]} />
          </button>
        ))}
      </fieldset>
    </div>
  );
}
