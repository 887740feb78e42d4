/** As much of the package as is used here; it brings no types of its own. */
declare module 'pino-roll' {
  import type { SonicBoom } from 'sonic-boom';

  type Options = {
    /** Path and beginning of the name; a number and the extension follow. */
    file: string;
    extension: string;
    /** `64m` or `10k`. */
    size: string;
    limit: { count: number; removeOtherLogFiles: boolean };
    sync: boolean;
    maxLength: number;
    mode: number;
  };
  /** `fd` is negative where the file could not be opened. */
  export type RollingFile = SonicBoom & { fd: number; file: string };
  export default function roll(options: Options): Promise<RollingFile>;
}
