import { type ReactNode, useEffect, useRef, useState } from 'react';
import { canSee } from './app.tsx';
import { reachableStore } from './connection.ts';
import { type PageGroup, pageGroups, pageNames } from './pages.ts';
import { Icon } from './parts/icon.tsx';
import { Preferences } from './preferences.tsx';
import { Link, useAddress } from './router.tsx';
import { endSession, useIdentity } from './session.ts';
import { shellWords } from './shell-words.ts';
import { useStore } from './store.ts';
import { useWords } from './words.ts';

/** Navigation at the side (behind a button where the screen is narrow), the page beside it. */
export function Layout({ children }: { children: ReactNode }) {
  const words = useWords(shellWords);
  const { path } = useAddress();
  // Open for one address: following a link closes it.
  const [openAt, setOpenAt] = useState<string>();
  const open = openAt === path;
  const setOpen = (value: boolean) => setOpenAt(value ? path : undefined);
  useEffect(() => {
    if (!open) return;
    const close = (event: KeyboardEvent) => event.key === 'Escape' && setOpenAt(undefined);
    window.addEventListener('keydown', close);
    return () => window.removeEventListener('keydown', close);
  }, [open]);
  const content = useRef<HTMLDivElement>(null);
  const shownPath = useRef(path);
  useEffect(() => {
    // A link of the page before is gone with it; who goes on by keyboard starts at the new one.
    if (shownPath.current !== path && document.activeElement === document.body)
      content.current?.focus({ preventScroll: true });
    shownPath.current = path;
  }, [path]);
  return (
    <div className="shell">
      <SkipLink onSkip={() => content.current?.focus()} />
      <header className="top">
        <Brand />
        <button
          type="button"
          className="button button-plain menu-button"
          aria-expanded={open}
          aria-controls="navigation"
          onClick={() => setOpen(!open)}
        >
          <Icon name={open ? 'cross' : 'menu'} />
          <span className="visually-hidden">{open ? words.closeMenu : words.menu}</span>
        </button>
      </header>
      <div id="navigation" className={open ? 'side side-open' : 'side'}>
        <Brand />
        <Navigation />
        <Account />
      </div>
      <div className="content" id="content" ref={content} tabIndex={-1}>
        <ConnectionBar />
        <main>{children}</main>
      </div>
    </div>
  );
}

/** An address of a fragment alone would lead to the first page, since addresses are relative to <base>. */
function SkipLink({ onSkip }: { onSkip: () => void }) {
  const words = useWords(shellWords);
  return (
    <a
      className="skip"
      href={`${location.pathname}${location.search}#content`}
      onClick={(event) => {
        event.preventDefault();
        onSkip();
      }}
    >
      {words.skip}
    </a>
  );
}

function Brand() {
  return (
    <Link to="" className="brand">
      <span className="mark">
        <Icon name="mark" />
      </span>
      Tillstream
    </Link>
  );
}

function Navigation() {
  const words = useWords(shellWords);
  const names = useWords(pageNames);
  const identity = useIdentity();
  const { path } = useAddress();
  const groups = (Object.keys(pageGroups) as PageGroup[])
    .map((group) => ({ group, entries: pageGroups[group].filter((entry) => canSee(entry, identity)) }))
    .filter(({ entries }) => entries.length > 0);
  const first = groups[0]?.entries[0]?.name;
  const current = path.split('/')[0] || first;
  if (groups.length === 0) return <p className="side-note">{words.nothingToSee}</p>;
  return (
    <nav aria-label={words.navigation}>
      {groups.map(({ group, entries }) => (
        <div key={group} className="nav-group">
          <h2>{words.groups[group]}</h2>
          <ul>
            {entries.map(({ name, icon }) => (
              <li key={name}>
                <Link to={name === first ? '' : name} aria-current={name === current ? 'page' : undefined}>
                  <Icon name={icon} />
                  {names[name]}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function Account() {
  const words = useWords(shellWords);
  const identity = useIdentity();
  return (
    <div className="account">
      <Preferences />
      <p className="account-name">
        <span className="visually-hidden">{words.signedInAs} </span>
        <strong>{identity.name}</strong>
        <span className="muted">
          {identity.roles.join(', ')}
          {identity.place_id !== null && `, ${words.boundTo(identity.place_id)}`}
        </span>
      </p>
      <div className="account-links">
        <a href={new URL('docs', document.baseURI).href}>{words.docs}</a>
        <button type="button" className="link" onClick={() => endSession('signed_out')}>
          {words.signOut}
        </button>
      </div>
    </div>
  );
}

function ConnectionBar() {
  const words = useWords(shellWords);
  const reachable = useStore(reachableStore);
  return (
    <div role="status" className={reachable ? 'connection' : 'connection connection-lost'}>
      {!reachable && words.connectionLost}
    </div>
  );
}
