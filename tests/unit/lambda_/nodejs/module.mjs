import fs from 'node:fs';
export const handler = async () => [typeof require, fs.existsSync('.')];
