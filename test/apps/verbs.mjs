// Every verb of weir-peer, between two of them over loopback.
//
//   node test/apps/verbs.mjs BUILD-DIRECTORY
import assert from 'node:assert';
import { fileURLToPath } from 'node:url';

process.env.WEIR_PEER = fileURLToPath(new URL(`../../${process.argv[2]}/bin/weir-peer`, import.meta.url));
const { Peer } = await import('../browser/peer.mjs');

const bind = ['--bind', '127.0.0.1'];
const a = new Peer(...bind, '--no-echo'), b = new Peer(...bind);

// What a peer says next that passes.
async function says(peer, what, test, act) {
  const from = peer.lines.length;
  act?.();
  return peer.wait(what, test, 10000, from);
}

const sections = sdp => sdp.split('\r\n').filter(line => /^(m=|a=(sendrecv|sendonly|recvonly|inactive)$)/.test(line))
  .map(line => line.startsWith('m=') ? line.split(' ').slice(0, 2).join(' ') : line.slice(2)).join(', ');

async function round(offerer, options = {}) {
  const answerer = offerer === a ? b : a;
  const offer = await says(offerer, 'an offer', line => line.type === 'offer', () => offerer.send({ offer: true, ...options }));
  const answer = await says(answerer, 'an answer', line => line.type === 'answer', () => answerer.send(offer));
  offerer.send(answer);
  return { offer: sections(offer.sdp), answer: sections(answer.sdp), text: answer.sdp };
}

// Channels before and after the first offer, by label and by number, text and binary by size.
await says(a, 'opening', line => line.event === 'opening' && line.label === 'first', () => a.send({ open: 'first' }));
assert.deepEqual((await round(a)).answer, 'm=application 9');
await a.wait('open', line => line.event === 'open' && line.label === 'first');
await b.wait('open', line => line.event === 'open' && line.label === 'first');
const second = await says(a, 'open', line => line.event === 'open' && line.label === 'second',
  () => a.send({ open: 'second', unordered: true, retransmits: 3, protocol: 'p' }));
for (const on of ['second', second.channel]) {
  const message = await says(a, 'the echo', line => line.event === 'message', () => a.send({ send: 100, text: true, on }));
  assert.equal(message.channel, second.channel);
  assert.equal(message.bytes, 105);
}
assert.equal((await says(a, 'the echo', line => line.event === 'message', () => a.send({ send: 3000, on: 'second' }))).bytes, 3000);
assert.equal((await says(a, 'the echo', line => line.event === 'message', () => a.send({ send: 'x' }))).text, 'echo:x');
const refused = await says(a, 'a refusal', line => line.refused, () => a.send({ send: 262145, on: 'second' }));
assert.equal(refused.refused, 'too-long');
assert.match(refused.error, /262145 bytes, and the peer takes 262144/);
await says(b, 'the close', line => line.event === 'close' && line.channel === second.channel, () => a.send({ close: 'second' }));
assert.match((await says(a, 'a refusal', line => line.error, () => a.send({ send: 'x', on: 'second' }))).error, /no such channel/);

// Media comes, changes, goes and comes again, whoever offers; ICE restarts; the channel lives on.
assert.equal((await says(a, 'added', line => line.event === 'added', () => a.send({ add: 'video', direction: 'sendonly' }))).media, 1);
assert.equal((await round(a)).answer, 'm=application 9, m=video 9, recvonly');
a.send({ media: 1, direction: 'recvonly' });
assert.equal((await round(b, { restart: true })).answer, 'm=application 9, m=video 9, recvonly');
a.send({ remove: 1 });
assert.equal((await round(a)).answer, 'm=application 9, m=video 0, inactive');
await says(b, 'added', line => line.event === 'added' && line.media === 1, () => b.send({ add: 'audio' }));
const again = await round(b);
assert.equal(again.offer, 'm=application 9, m=audio 9, sendrecv');
assert.equal(again.answer, 'm=application 9, m=audio 9, recvonly'); // it sends nothing back
assert.equal((await says(a, 'the echo', line => line.event === 'message', () => a.send({ send: 'y' }))).text, 'echo:y');

// An offer is taken back; then two meet, and the polite one gives way.
await says(a, 'added', line => line.event === 'added', () => a.send({ add: 'video' }));
await says(a, 'a stable state', line => line.signalling === 'stable', () => { a.send({ offer: true, restart: true }); a.send({ rollback: true }); });
assert.match((await says(a, 'a refusal', line => line.error, () => a.send({ rollback: true }))).error, /no offer waits/);
const [mine, theirs] = await Promise.all([a, b].map(peer => says(peer, 'an offer', line => line.type === 'offer', () => peer.send({ offer: true }))));
assert.match((await says(b, 'a refusal', line => line.error, () => b.send(mine))).error, /does not fit/);
a.send({ polite: true });
b.send(await says(a, 'an answer', line => line.type === 'answer', () => a.send(theirs)));
assert.equal((await round(a)).answer, 'm=application 9, m=audio 9, sendonly, m=video 9, sendrecv');
a.send({ remove: 2 });
await round(a);
assert.equal((await says(a, 'the echo', line => line.event === 'message', () => a.send({ send: 'z' }))).text, 'echo:z');

// A new association ends the old one's data, and says so.
const from = a.lines.length;
await round(a, { renew: true });
assert.equal((await a.wait('the end of data', line => line.data === 'closed', 10000, from)).reason, 'aborted');
await a.wait('data again', line => line.data === 'ready', 10000, from);
await says(b, 'open', line => line.event === 'open' && line.label === 'third', () => a.send({ open: 'third' }));

// What is not understood is said, section by section too, and nothing ends.
for (const [line, want] of [[{ frob: 1 }, /no verb/], [{ add: 'smell' }, /audio or video/], [{ remove: 9 }, /no such section/],
  [{ media: 9, direction: 'sendrecv' }, /number of a section/], [{ close: 'nobody' }, /no such channel/],
  [{ send: -1 }, /how many bytes/], [{ open: 5 }, /label/], [{ type: 'answer', sdp: 'v=0' }, /does not fit/]]) {
  assert.match((await says(a, 'an error', l => l.error, () => a.send(line))).error, want);
}
await a.bye();
await b.state('closed');

// A channel that the other side does not answer ends with its reason; the others go on when it is back.
const d = new Peer(...bind, '--no-echo', '--channel-wait', '2', '--offer', '--data-only'), e = new Peer(...bind);
const offered = await d.wait('an offer', line => line.type === 'offer');
d.send(await says(e, 'an answer', line => line.type === 'answer', () => e.send(offered)));
await d.wait('open', line => line.event === 'open');
e.child.kill('SIGSTOP');
const silent = await says(d, 'opening', line => line.event === 'opening', () => d.send({ open: 'who is there' }));
const ended = await d.wait('its end', line => line.event === 'close' && line.channel === silent.channel);
assert.equal(ended.reason, 'timeout');
e.child.kill('SIGCONT');
assert.equal((await says(d, 'the echo', line => line.event === 'message', () => d.send({ send: 'z' }))).text, 'echo:z');
await d.bye();
await e.state('closed');

// A graceful end: all that was sent arrives first, and nothing is taken meanwhile.
const h = new Peer(...bind, '--no-echo', '--offer', '--data-only'), k = new Peer(...bind, '--no-echo');
const last = await h.wait('an offer', line => line.type === 'offer');
h.send(await says(k, 'an answer', line => line.type === 'answer', () => k.send(last)));
await h.wait('open', line => line.event === 'open');
assert.match((await says(h, 'an error', l => l.error, () => h.send({ bye: true, within: -1 }))).error, /seconds/);
for (let i = 0; i < 30; i++) h.send({ send: 4000 });
h.send({ bye: true, within: 10 });
h.send({ send: 'too late' });
assert.equal(await h.exited, 0);
assert.ok(h.lines.some(line => line.refused === 'state'));
assert.equal(h.lines.find(line => line.data === 'closed').reason, 'shutdown');
assert.equal(h.lines.at(-1).state, 'closed');
assert.equal(await k.exited, 0);
assert.equal(k.lines.filter(line => line.event === 'message' && line.bytes === 4000).length, 30);

// A certificate that is not the one described: each side says why it failed.
const f = new Peer(...bind, '--offer', '--data-only'), g = new Peer(...bind);
const wrong = await f.wait('an offer', line => line.type === 'offer');
wrong.sdp = wrong.sdp.replace(/(a=fingerprint:sha-256 )(..)/, (all, name, byte) => name + (byte === '00' ? '01' : '00'));
f.send(await says(g, 'an answer', line => line.type === 'answer', () => g.send(wrong)));
assert.equal((await g.state('failed')).reason, 'dtls-fingerprint');
const told = await f.state('failed');
assert.equal(told.reason, 'dtls-alert');
assert.equal(told.alert, 'bad_certificate');
f.child.kill('SIGKILL');
g.child.kill('SIGKILL');

// A section that is not spoken is rejected with its reason.
const c = new Peer(...bind);
const rejected = await says(c, 'a rejection', line => line.rejected,
  () => c.send({ type: 'offer', sdp: 'v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\nm=image 9 udptl t38\r\n' }));
assert.equal(rejected.media, 0);
assert.match(rejected.rejected, /only audio, video/);
await c.bye();
