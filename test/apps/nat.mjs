// Two scriptable peers in two namespaces: carry their descriptions across, then a message and its echo.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const stun = 'stun:203.0.113.1:3478';

function start(host, ...options) {
    const child = spawn('ip', ['netns', 'exec', host, `${process.env.WEIR_BIN}/weir-peer`,
        '--data-only', '--stun', stun, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
    const seen = [];
    const waiting = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
        const message = JSON.parse(line);
        seen.push(message);
        waiting.filter((w) => w.test(message)).forEach((w) => w.done(message));
    });
    return {
        say: (message) => child.stdin.write(JSON.stringify(message) + '\n'),
        until: (what, test) => new Promise((done, fail) => {
            const found = seen.find(test);
            if (found) {
                done(found);
            } else {
                waiting.push({ test, done });
                setTimeout(() => fail(new Error(`${host}: no ${what} in ${JSON.stringify(seen)}`)), 20000);
            }
        }),
        ended: new Promise((done) => child.on('exit', done)),
    };
}

function reflexive(sdp, address) {
    if (!new RegExp(`^a=candidate:.* ${address} \\d+ typ srflx`, 'm').test(sdp)) {
        throw new Error(`no server-reflexive candidate of ${address} in:\n${sdp}`);
    }
}

const a = start('host1', '--offer');
const b = start('host2');
const offer = await a.until('offer', (m) => m.type === 'offer');
reflexive(offer.sdp, '203.0.113.11');
b.say(offer);
const answer = await b.until('answer', (m) => m.type === 'answer');
reflexive(answer.sdp, '203.0.113.12');
a.say(answer);
await a.until('open channel', (m) => m.event === 'open');
a.say({ send: 'through two translators' });
await a.until('echo', (m) => m.event === 'message' && m.text === 'echo:through two translators');
a.say({ bye: true });
b.say({ bye: true });
const status = [await a.ended, await b.ended];
console.log(`met through both translators, exit ${status}`);
process.exit(status.every((s) => s === 0) ? 0 : 1);
