import { type AddressInfo, createServer, type Socket } from 'node:net';

export type Mail = { from: string; to: string[]; data: string };
/** The reply to a command, such as `550 no such user`; undefined for the usual one. */
export type Reply = (command: string) => string | undefined;

/** As much of SMTP (RFC 5321) as a client needs that sends mail without TLS or a password. */
export async function startSmtpServer() {
  const mails: Mail[] = [];
  const sockets = new Set<Socket>();
  let reply: Reply = () => undefined;
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    let mail: Mail = { from: '', to: [], data: '' };
    let isData = false;
    let rest = '';
    const say = (text: string) => socket.write(`${text}\r\n`);
    const usual: Record<string, string> = {
      EHLO: '250-receiver\r\n250 AUTH PLAIN LOGIN',
      DATA: '354 go on',
      QUIT: '221 bye',
      AUTH: '235 welcome',
    };
    const end = () => {
      isData = false;
      const answer = reply('.') ?? '250 taken';
      if (answer.startsWith('250')) mails.push(mail);
      mail = { from: '', to: [], data: '' };
      say(answer);
    };
    const obey = (line: string) => {
      const answer = reply(line) ?? usual[line.split(' ', 1)[0]!.toUpperCase()] ?? '250 ok';
      if (answer === '') return;
      const address = /<(.*?)>/.exec(line)?.[1] ?? '';
      if (answer.startsWith('250') && /^MAIL/i.test(line)) mail.from = address;
      if (answer.startsWith('250') && /^RCPT/i.test(line)) mail.to.push(address);
      isData = answer.startsWith('354');
      say(answer);
    };
    say('220 receiver ESMTP');
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      rest += chunk;
      for (let at = rest.indexOf('\r\n'); at >= 0; at = rest.indexOf('\r\n')) {
        const line = rest.slice(0, at);
        rest = rest.slice(at + 2);
        if (!isData) obey(line);
        else if (line === '.') end();
        else mail.data += `${line}\n`;
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `smtp://user:pass%20word@127.0.0.1:${(server.address() as AddressInfo).port}`,
    mails,
    replyWith(next: Reply) {
      reply = next;
    },
    async stop(): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The header of a mail, unfolded and decoded where it is UTF-8. */
export function headerOf({ data }: Mail, name: string): string {
  const head = data.slice(0, data.indexOf('\n\n')).replace(/\n[ \t]+/g, ' ');
  const line = head.split('\n').find((one) => one.toLowerCase().startsWith(`${name.toLowerCase()}: `)) ?? '';
  return line
    .slice(name.length + 2)
    .replace(/\?= =\?/g, '?==?')
    .replace(/=\?UTF-8\?([BQ])\?(.*?)\?=/gi, (_, kind: string, text: string) =>
      /b/i.test(kind) ? Buffer.from(text, 'base64').toString() : quoted(text.replaceAll('_', ' ')),
    );
}

/** The text of a mail of one part, decoded. */
export function bodyOf(mail: Mail): string {
  const text = mail.data.slice(mail.data.indexOf('\n\n') + 2);
  const encoding = headerOf(mail, 'Content-Transfer-Encoding').toLowerCase();
  if (encoding === 'base64') return Buffer.from(text, 'base64').toString();
  return encoding === 'quoted-printable' ? quoted(text.replace(/=\n/g, '')) : text;
}

function quoted(text: string): string {
  const bytes = text.replace(/=([\dA-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
