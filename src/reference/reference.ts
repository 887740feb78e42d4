import type { LocalTime } from '../base/time.ts';
import type { PlaceSettings } from '../sales/contribution.ts';

/** The reference history as of one version; immutable, so that a batch is computed with one version throughout. */
export type ReferenceSnapshot = {
  version: number;
  /** The settings of a place at the local time of a sale; `defaultTimeZone` where none was ever set. */
  placeSettings(placeId: string, time: LocalTime, defaultTimeZone: string): PlaceSettings;
  /** The currency of a place at that time, where one was set. */
  placeCurrency(placeId: string, time: LocalTime, defaultTimeZone: string): string | undefined;
  /** The category of a product at that time: that of the place's menu, else of the catalogue, where either has one. */
  productCategory(
    placeId: string,
    productId: string,
    time: LocalTime,
    defaultTimeZone: string,
  ): string | undefined;
};

/** The newest snapshot this process knows, and a way to ask for a newer one. */
export type Reference = {
  current(): ReferenceSnapshot;
  /** Reads what changed since `current().version`; resolves with the newest snapshot. */
  refresh(): Promise<ReferenceSnapshot>;
};
