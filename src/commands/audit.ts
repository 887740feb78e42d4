import { Command } from 'commander';
export const auditCommand = () => new Command('audit');
