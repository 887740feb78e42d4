import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export type Certificates = {
  folder: string;
  /** Who signed the server's certificate. */
  caFile: string;
  /** Another authority, that signed nothing of ours. */
  strangerFile: string;
  certificateFile: string;
  keyFile: string;
  /** Key and certificate in one file, as Kafka reads them. */
  bundleFile: string;
  remove(): void;
};

export function whyNoCertificates(): string | undefined {
  return spawnSync('openssl', ['version']).status === 0 ? undefined : 'TLS: openssl is not installed';
}

/** A certificate for 127.0.0.1 and localhost, of an authority made for one test. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-tls-'));
  chmodSync(folder, 0o755);
  const at = (name: string) => path.join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  for (const name of ['ca', 'stranger'])
    openssl(
      ...[
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-subj',
        `/CN=tillstream test ${name}`,
      ],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
    );
  openssl(
    ...['req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', 'server.key'],
    ...['-out', 'server.csr'],
  );
  writeFileSync(at('names.txt'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  openssl(
    ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-days', '2', '-extfile', 'names.txt', '-out', 'server.pem'],
  );
  writeFileSync(
    at('bundle.pem'),
    readFileSync(at('server.key'), 'utf8') + readFileSync(at('server.pem'), 'utf8'),
  );
  return {
    folder,
    caFile: at('ca.pem'),
    strangerFile: at('stranger.pem'),
    certificateFile: at('server.pem'),
    keyFile: at('server.key'),
    bundleFile: at('bundle.pem'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
