import { type ReactNode, useLayoutEffect, useRef } from 'react';
import { defineWords, useWords } from '../words.ts';
import { Icon } from './icon.tsx';

const dialogWords = defineWords({
  en: { close: 'Close', cancel: 'Cancel' },
  ru: { close: 'Закрыть', cancel: 'Отмена' },
});

type Properties = { title: string; onClose: () => void; children: ReactNode; footer?: ReactNode };

/** A modal window; the browser keeps the focus inside and gives it back. */
export function Dialog({ title, onClose, children, footer }: Properties) {
  const words = useWords(dialogWords);
  const element = useRef<HTMLDialogElement>(null);
  // Closed while it is still in the page: one that was taken out gives no focus back.
  useLayoutEffect(() => {
    const dialog = element.current!;
    if (!dialog.open) dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog
      ref={element}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // A browser closes it by itself where Escape is pressed again and again.
      onClose={(event) => {
        if (!event.currentTarget.open) onClose();
      }}
    >
      <div className="dialog-head">
        <h2>{title}</h2>
        <button type="button" className="button button-plain" aria-label={words.close} onClick={onClose}>
          <Icon name="cross" />
        </button>
      </div>
      <div className="dialog-body">{children}</div>
      {footer !== undefined && <div className="dialog-footer">{footer}</div>}
    </dialog>
  );
}

type ConfirmProperties = {
  title: string;
  /** On the button that does it. */
  action: string;
  isBusy?: boolean;
  onConfirm: () => void;
  onClose: () => void;
  children: ReactNode;
};

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({
  title,
  action,
  isBusy = false,
  onConfirm,
  onClose,
  children,
}: ConfirmProperties) {
  const words = useWords(dialogWords);
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <button type="button" className="button" onClick={onClose}>
            {words.cancel}
          </button>
          <button type="button" className="button button-danger" disabled={isBusy} onClick={onConfirm}>
            {action}
          </button>
        </>
      }
    >
      {children}
    </Dialog>
  );
}
