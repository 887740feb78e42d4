/** As the `ref` of something that appears below what is in sight. */
export function showInFull(element: HTMLElement | null): void {
  element?.scrollIntoView({ block: 'nearest' });
}
