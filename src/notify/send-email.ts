import type { SendMailOptions } from 'nodemailer';
import { describeEvent } from './describe-event.ts';
import { excerpt, type Outcome, reasonOf, type Send, type SendDeps } from './outcome.ts';
import { emailText } from './render-text.ts';

/** What the server said of a message or of one recipient. */
type SmtpError = { code?: string; responseCode?: number; response?: string; recipient?: string };
type SmtpFailure = Error & SmtpError & { rejectedErrors?: SmtpError[] };

const permanentReply = 500;

/**
 * Mail, each recipient once: those who have it are left out when the others are tried again. The Message-ID is
 * that of the delivery. What the server refuses for good (5xx) is not tried again; a refused password is, since
 * it is a fault of the configuration and not of the message.
 */
export const sendEmail: Send<'email'> = async (deps, message, signal) => {
  const { smtp } = deps;
  if (smtp === undefined)
    return { result: 'retry', status: null, error: 'SMTP_URL is not set where the notifier runs' };
  const { settings, settled } = message;
  const to = settings.to.filter((address) => !settled.includes(address));
  const from = settings.from ?? smtp.from ?? settings.to[0]!;
  const { subject, text } = emailText(describeEvent(message.event, message.language, deps.defaultTimeZone));
  const mail: SendMailOptions = {
    ...{ from, to, subject, text },
    // What the text of a rule holds is never read as a file or an address.
    ...{ disableFileAccess: true, disableUrlAccess: true },
    messageId: `<${message.id}@${domainOf(from)}>`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Tillstream-Event': message.event.event_id },
  };
  return await sendMail({ ...deps, url: smtp.url }, mail, to, signal);
};

async function sendMail(
  deps: SendDeps & { url: string },
  mail: SendMailOptions,
  to: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  // Most programs send no mail, and need not load what does.
  const { createTransport } = await import('nodemailer');
  const { timeoutMs, url } = deps;
  const transport = createTransport({
    ...{ url, connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs },
    socketCloseTimeout: 0,
  });
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(new Error(`no end within ${timeoutMs / 1000} s`));
  const timer = setTimeout(end, timeoutMs);
  signal?.addEventListener('abort', end);
  try {
    const info = await Promise.race([transport.sendMail(mail), ended.promise]);
    const { rejected = [], rejectedErrors = [] } = info as {
      rejected?: unknown[];
      rejectedErrors?: SmtpError[];
    };
    const settled = to.filter((address) => !rejected.includes(address));
    if (rejected.length === 0) return { result: 'delivered', status: readStatus(info.response), error: null };
    return { ...outcomeOf(rejectedErrors), settled };
  } catch (error) {
    signal?.throwIfAborted();
    const { rejectedErrors, ...failure } = error as SmtpFailure;
    if (rejectedErrors !== undefined && rejectedErrors.length > 0)
      return { ...outcomeOf(rejectedErrors), settled: [] };
    const status = failure.responseCode ?? null;
    const isFinal = status !== null && status >= permanentReply && failure.code !== 'EAUTH';
    const said = reasonOf(error);
    return { result: isFinal ? 'failed' : 'retry', status, error: said };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    transport.close();
  }
}

/** Recipients that were refused: as long as one of them may be taken later, those are tried again. */
function outcomeOf(errors: readonly SmtpError[]): Outcome {
  const later = errors.find(({ responseCode = 0 }) => responseCode < permanentReply);
  const shown = later ?? errors[0];
  const error = excerpt(
    errors
      .map(({ recipient, response }) => `${recipient ?? 'a recipient'}: ${response ?? 'refused'}`)
      .join('; '),
  );
  return {
    result: later === undefined ? 'failed' : 'retry',
    status: shown?.responseCode ?? null,
    error,
  };
}

const readStatus = (response: string | undefined) => Number(/^\d{3}/.exec(response ?? '')?.[0] ?? 250);
const domainOf = (address: string) => /@([^\s@>]+)>?$/.exec(address)?.[1] ?? 'tillstream.invalid';
