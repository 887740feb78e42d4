import { CodedError } from '../base/errors.ts';

/** `data_dir_unusable` where what went wrong is a full disk or a used-up quota; undefined otherwise. */
export function diskFull(dataDir: string, detail: string, cause?: unknown): CodedError | undefined {
  if (!/ENOSPC|EDQUOT|No space left|quota exceeded|disk is full/i.test(detail)) return undefined;
  return new CodedError(
    'data_dir_unusable',
    `the disk of ${dataDir} is full; free some space, or set DATA_DIR to a folder on another disk: ${detail}`,
    { cause },
  );
}
