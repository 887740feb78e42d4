import type { EventText } from './describe-event.ts';

/** Telegram takes 4,096 characters of a message, Slack shows no more than about as many. */
const mostCharacters = 3_500;

const escapeMarkup = (text: string) =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

function joined(text: EventText, title: (line: string) => string, line: (line: string) => string): string {
  const lines = [title(text.title)];
  let characters = text.title.length;
  for (const one of text.lines) {
    characters += one.length + 1;
    // Cut between lines: half an escape or half a tag is refused as a whole.
    if (characters > mostCharacters) return [...lines, '…'].join('\n');
    lines.push(line(one));
  }
  return lines.join('\n');
}

/** For `parse_mode: HTML`. */
export const telegramText = (text: EventText) =>
  joined(text, (line) => `<b>${escapeMarkup(line)}</b>`, escapeMarkup);

/**
 * For the `text` of an incoming webhook. Slack escapes nothing but these three; what else would be markup there
 * is kept from being paired.
 */
export const slackText = (text: EventText) =>
  joined(
    text,
    (line) => `*${quietMarks(escapeMarkup(line))}*`,
    (line) => quietMarks(escapeMarkup(line)),
  );

/** A word joiner behind each mark, which shows nothing. */
const quietMarks = (text: string) => text.replace(/[*_~`]/g, (mark) => `${mark}\u2060`);

/** A subject is one line: what is in it holds no line breaks, and nodemailer encodes the rest. */
export const emailText = (text: EventText) => ({
  subject: text.title,
  text: `${[text.title, '', ...text.lines].join('\n')}\n`,
});
