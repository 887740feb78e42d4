import { Link } from '../router.tsx';

type Properties = {
  label: string;
  /** Addresses below the base. */
  tabs: readonly { to: string; label: string; count?: number | undefined }[];
  current: string;
};

/** Links to the parts of a page, each with an address of its own. */
export function Tabs({ label, tabs, current }: Properties) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.to} to={tab.to} aria-current={tab.to === current ? 'page' : undefined}>
          {tab.label}
          {tab.count !== undefined && tab.count > 0 && <span className="tab-count">{tab.count}</span>}
        </Link>
      ))}
    </nav>
  );
}
