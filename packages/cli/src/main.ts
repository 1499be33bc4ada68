import { runCli } from './cli.js';
import { reportError } from './errors/report-error.js';
import { processIo } from './terminal/io.js';

const io = processIo();

// Even an uncaught defect is reported in a sentence, not as a stack trace.
process.on('uncaughtException', (error) => process.exit(reportError(error, io)));

process.exitCode = await runCli(process.argv.slice(2), io);
