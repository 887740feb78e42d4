import { Command } from 'commander';
export const tokenCommand = () => new Command('token');
