import { runCli } from './cli.js';
import { reportError } from './errors/report-error.js';
import { processIo } from './terminal/io.js';

const io = processIo();

// Also a defect that no command can catch is told in a sentence, not in a stack trace.
process.on('uncaughtException', (error) => process.exit(reportError(error, io)));

process.exitCode = await runCli(process.argv.slice(2), io);
