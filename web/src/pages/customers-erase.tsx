import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import { ConfirmDialog, Dialog } from '../parts/dialog.tsx';
import { TextField } from '../parts/field.tsx';
import { ErrorBox } from '../parts/notice.tsx';
import { Link, navigate } from '../router.tsx';
import { useWords } from '../words.ts';
import { customersWords } from './customers-words.ts';

/** Asks for the id once more: what is erased does not come back. */
export function EraseCustomer({ id, onClose }: { id: string; onClose: () => void }) {
  const words = useWords(customersWords);
  const client = useQueryClient();
  const [typed, setTyped] = useState('');
  const erase = useMutation({
    mutationFn: () =>
      request<{ erasure_id: number }>(`/api/customers/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  });
  if (erase.isSuccess) {
    const leave = () => {
      client.removeQueries({ queryKey: ['customer', id] });
      void client.invalidateQueries({ queryKey: ['customers'] });
      navigate('customers');
    };
    return (
      <Dialog title={words.erase} onClose={leave}>
        <p>{words.erased}</p>
        <p>
          <Link to="jobs">{words.toJobs}</Link>
        </p>
      </Dialog>
    );
  }
  return (
    <ConfirmDialog
      title={words.erase}
      action={words.eraseAction}
      isBusy={erase.isPending || typed !== id}
      onConfirm={() => erase.mutate()}
      onClose={onClose}
    >
      <p>{words.eraseText}</p>
      <TextField
        label={words.eraseId}
        hint={words.eraseConfirm(id)}
        value={typed}
        onChange={setTyped}
        autoComplete="off"
      />
      {erase.error !== null && <ErrorBox error={erase.error} />}
    </ConfirmDialog>
  );
}
