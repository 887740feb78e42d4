import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where `npm run dev -w web` finds a running program. */
const program = 'http://127.0.0.1:8080';

export default defineConfig({
  root: import.meta.dirname,
  // Addresses are relative to <base>, which the server fills in.
  base: './',
  plugins: [react()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1_000,
  },
  server: { host: '127.0.0.1', proxy: { '/api': program, '/healthz': program, '/docs': program } },
});
