import { Command } from 'commander';
export const rebuildCommand = () => new Command('rebuild');
