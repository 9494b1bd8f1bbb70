// The work behind mutate.sh: mutants are read from test/mutants/DIRECTORY.txt, or proposed by rules.
//
// A mutant is a file, the line as it is, and the line as it becomes; the last word is why it lives, for one that
// no test can tell from the code:
//
//   @ rtcp/rtcp_stats.c
//   -     uint64_t fraction = lost * 256 / expected;
//   +     uint64_t fraction = lost * 255 / expected;
//   ! reason
//
// "@ file #2" means the second such line of the file. An empty line after the + deletes the statement. A line
// "without TEST..." names tests of the directory that are left out, because they take long.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const directories = readdirSync('test/mutants').map((f) => f.replace('.txt', '')); /* those that have a list */
const workers = 2;

/* -- The lists --------------------------------------------------------------------------------- */

function readMutants(directory) {
    const path = `test/mutants/${directory}.txt`;
    const mutants = [];
    for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
        const text = line.slice(2);
        if (line.startsWith('@ ')) {
            const [file, nth] = text.split(' #');
            mutants.push({ directory, file, nth: Number(nth ?? 1), from: '', to: '', reason: '' });
        } else if (line.startsWith('- ')) {
            mutants.at(-1).from = text;
        } else if (line.startsWith('+')) {
            mutants.at(-1).to = text;
        } else if (line.startsWith('! ')) {
            mutants.at(-1).reason = text;
        }
    }
    return mutants;
}

function leftOut(directory) {
    const lines = readFileSync(`test/mutants/${directory}.txt`, 'utf8').split('\n');
    return lines.filter((l) => l.startsWith('without ')).flatMap((l) => l.split(' ').slice(1));
}

function show(m) {
    const nth = m.nth > 1 ? ` #${m.nth}` : '';
    return `@ ${m.file}${nth}\n- ${m.from}\n+ ${m.to}`.trimEnd();
}

/* The file with the mutant in it, or null where the line is not there. */
function mutated(source, m) {
    const lines = source.split('\n');
    let left = m.nth;
    for (let i = 0; i < lines.length; i++) {
        if (lines[i].trim() === m.from.trim() && --left === 0) {
            lines[i] = m.to.trim() === '' ? '    ;' : m.to;
            return lines.join('\n');
        }
    }
    return null;
}

/* -- Proposals --------------------------------------------------------------------------------- */

const rules = [
    [/ < /, ' <= '], [/ <= /, ' < '], [/ > /, ' >= '], [/ >= /, ' > '],
    [/ == /, ' != '], [/ != /, ' == '], [/ && /, ' || '], [/ \|\| /, ' && '],
    [/ \+ /, ' - '], [/ - /, ' + '], [/ \* /, ' / '], [/ \+= /, ' -= '], [/ \|= /, ' &= '],
    [/return true;/, 'return false;'], [/return false;/, 'return true;'],
    [/!([a-z(])/, '$1'], [/\+\+/, '--'], [/ 0;/, ' 1;'], [/ = true;/, ' = false;'], [/ = false;/, ' = true;'],
    [/\b(\d+)([,;)\]])/, (whole, n, end) => `${Number(n) + 1}${end}`],
    [/^ +[a-z_>.\[\]&*()-]+(\(.*\)| \S?= .*);$/, ''],
];

function propose(directory, count) {
    const files = readdirSync(directory).filter((f) => f.endsWith('.c') && !/names|print|trace/.test(f));
    const found = [];
    for (const name of files) {
        const seen = new Map();
        for (const line of readFileSync(join(directory, name), 'utf8').split('\n')) {
            const key = line.trim();
            const nth = (seen.get(key) ?? 0) + 1;
            seen.set(key, nth);
            if (!/^ {4}/.test(line) || /^\s*(\/?\*|#|_Static|\[|"|case |default|weir_trace)/.test(line) || /\/\*/.test(key)) {
                continue;
            }
            for (const [pattern, change] of rules) {
                const to = line.replace(pattern, change);
                if (to !== line) {
                    found.push({ file: `${directory}/${name}`, nth, from: line, to });
                }
            }
        }
    }
    for (let i = 0; i < count && found.length !== 0; i++) {
        const [m] = found.splice(Math.floor(Math.random() * found.length), 1);
        console.log(show(m));
    }
}

/* -- Trying them ------------------------------------------------------------------------------- */

/* Process groups that run now: a mutant may loop for ever, and must not outlive this program. */
const groups = new Set();

for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
    process.on(signal, () => {
        for (const group of groups) {
            process.kill(-group, 'SIGKILL');
        }
        process.exit(status);
    });
}

function run(command, args, seconds) {
    return new Promise((done) => {
        const child = spawn(command, args, { stdio: 'ignore', detached: true });
        const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), seconds * 1000);
        groups.add(child.pid);
        child.on('exit', (code) => {
            groups.delete(child.pid);
            clearTimeout(timer);
            done(code === 0);
        });
    });
}

function makeTree(number) {
    const tree = `build-mutate/tree-${number}`;
    const list = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' }).stdout;
    const files = new Set(list.split('\n').filter((f) => f !== '' && existsSync(f)));
    for (const file of files) {
        const to = join(tree, 'source', file);
        const bytes = readFileSync(file);
        if (!existsSync(to) || !bytes.equals(readFileSync(to))) { /* what is the same need not be built again */
            mkdirSync(dirname(to), { recursive: true });
            writeFileSync(to, bytes, { mode: statSync(file).mode });
        }
    }
    for (const entry of readdirSync(join(tree, 'source'), { recursive: true })) {
        if (!files.has(entry) && statSync(join(tree, 'source', entry)).isFile()) {
            rmSync(join(tree, 'source', entry));
        }
    }
    const configured = spawnSync('cmake', ['-S', join(tree, 'source'), '-B', join(tree, 'build'), '-G', 'Ninja',
        '-DWEIR_APPS=OFF', '-DCMAKE_BUILD_TYPE=Release', '-DCMAKE_C_FLAGS_RELEASE=-O1', '-DWEIR_WERROR=OFF',
        '-DCMAKE_C_FLAGS=-w'], { encoding: 'utf8' });
    if (configured.status !== 0) {
        throw new Error(configured.stdout + configured.stderr);
    }
    return tree;
}

/* The tests of a directory with the seconds that each takes. */
async function measure(tree, directory) {
    if (!await run('cmake', ['--build', join(tree, 'build'), '--target', `tests_${directory}`], 900)) {
        throw new Error(`the tests of ${directory} do not build`);
    }
    const tests = [];
    const without = leftOut(directory);
    const names = readdirSync(join('test', directory)).filter((f) => f.endsWith('_test.c')).map((f) => f.slice(0, -2));
    const unknown = without.find((name) => !names.includes(name));
    if (unknown !== undefined) {
        throw new Error(`${directory} has no test ${unknown}`);
    }
    for (const name of names.filter((n) => !without.includes(n))) {
        const program = join(tree, 'build/test', name);
        const begin = Date.now();
        if (!await run(program, [], 300)) {
            throw new Error(`${program} fails without any mutant`);
        }
        tests.push({ name, program, seconds: (Date.now() - begin) / 1000, kills: 0, killsOf: new Map() });
    }
    return tests;
}

/* Quickest first; but what a test killed already brings it forward, of the same file above all. */
function inOrder(tests, file) {
    const own = `${file.split('/').at(-1).slice(0, -2)}_test`;
    const cost = (t) => (0.1 + t.seconds) / (1 + t.kills + 8 * (t.killsOf.get(file) ?? 0) + (t.name === own ? 8 : 0));
    return [...tests].sort((x, y) => cost(x) - cost(y));
}

/* 'killed', 'alive', 'stale' or 'unbuilt'. */
async function attempt(tree, tests, m) {
    const path = join(tree, 'source', m.file);
    const source = readFileSync(path, 'utf8');
    const changed = mutated(source, m);
    if (changed === null) {
        return 'stale';
    }
    writeFileSync(path, changed);
    try {
        for (const test of inOrder(tests, m.file)) { /* each is linked when its turn comes: most die by the first */
            if (!await run('cmake', ['--build', join(tree, 'build'), '--target', test.name], 300)) {
                return 'unbuilt';
            }
            if (!await run(test.program, [], 10 + 10 * test.seconds)) {
                test.kills++;
                test.killsOf.set(m.file, 1 + (test.killsOf.get(m.file) ?? 0));
                return 'killed';
            }
        }
        return 'alive';
    } finally {
        writeFileSync(path, source);
    }
}

async function tryAll(tree, queue, done) {
    let directory = '', tests = [];
    for (let m = queue.shift(); m !== undefined; m = queue.shift()) {
        if (m.directory !== directory) {
            directory = m.directory;
            tests = await measure(tree, directory);
        }
        done(m, await attempt(tree, tests, m));
    }
}

async function main(args) {
    if (args[0] === '--propose') {
        propose(args[1], Number(args[2] ?? 20));
        return true;
    }
    let every = 1;
    if (args[0] === '--every') {
        every = Number(args[1]);
        args = args.slice(2);
    }
    const wanted = args.length === 0 ? directories : args;
    const unknown = wanted.find((d) => !directories.includes(d));
    if (unknown !== undefined || !(every >= 1)) {
        console.error(unknown === undefined ? '--every takes a number from 1' : `no list of mutants: ${unknown}`);
        return false;
    }
    const queue = wanted.flatMap((d) => readMutants(d)).filter((_, i) => i % every === 0);
    const counts = new Map(wanted.map((d) => [d, { killed: 0, alive: 0, excused: 0 }]));
    let bad = 0;
    const done = (m, what) => {
        const count = counts.get(m.directory);
        if (what === 'killed' && m.reason === '') {
            count.killed++;
        } else if (what === 'alive' && m.reason !== '') {
            count.alive++;
            count.excused++;
        } else {
            count.alive += what === 'alive' ? 1 : 0;
            bad += what === 'alive' ? 0 : 1;
            console.log(`${what === 'killed' ? 'dies, and is said to live' : what}:\n${show(m)}`);
        }
    };
    const trees = Array.from({ length: workers }, (_, i) => makeTree(i));
    await Promise.all(trees.map((tree) => tryAll(tree, queue, done)));
    let all = 0, alive = 0;
    for (const [directory, c] of counts) {
        all += c.killed + c.alive;
        alive += c.alive;
        console.log(`${directory}: ${c.killed + c.alive} mutants, ${c.alive} alive, ${c.excused} of them with a reason`);
    }
    console.log(`${all} mutants, ${alive} alive`);
    return bad === 0 && all !== 0 && alive * 20 <= all;
}

process.exit(await main(process.argv.slice(2)) ? 0 : 1);
