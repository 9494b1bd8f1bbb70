// How many round trips a connection takes to set up, with real browsers, over a path with delay and loss.
import { Peer } from './peer.mjs';
import { Relay, now } from './relay.mjs';

export const GREETING = 600;  // of data: nothing else that is protected is as long
const after = ms => new Promise(resolve => setTimeout(resolve, ms));

// One set-up: weir and a page, a relay between them, descriptions that take as long as a datagram.
//
// The clock starts when the offer is handed to the signalling. It stops, each way, when the datagram with the
// first message has crossed the path. Whoever may speak does so at once.
export async function setUp(browser, url, { role = 'browser offers', channel = 'negotiated', trickle = false, options = [],
  delay = 50, loss = 0, seed = 1, limit = 15000 } = {}) {
  const weirOffers = role === 'weir offers';
  const offererOpens = channel === 'offerer', both = channel === 'negotiated';
  const relay = await Relay.open({ delay, loss, seed });
  const page = await browser.newPage();
  const call = (object, name, ...args) => page.evaluate(`window.${object}[${JSON.stringify(name)}](...${JSON.stringify(args)})`);
  const weirOpens = both || offererOpens === weirOffers;
  const peer = new Peer('--bind', '10.77.0.1', '--data-only', '--greet', String(GREETING), ...(weirOffers ? ['--offer'] : []),
    ...(both ? ['--negotiated', '0'] : weirOpens && !weirOffers ? ['--channel'] : []), ...options);
  const result = { relay, peer };
  try {
    await page.goto(url);
    await call('rounds', 'begin', both ? { negotiated: true, id: 0 } : weirOpens ? null : {}, GREETING);
    const tell = {
      browser: async (type, text) => {
        if (type === 'candidate') await call('rig', 'addCandidate', text);
        else if (type === 'answer') await call('rig', 'accept', text);
        else return call('rounds', 'answer', text, trickle);
      },
      weir: async (type, text) => {
        const from = peer.lines.length;
        peer.send(type === 'candidate' ? { type, candidate: text } : { type, sdp: text });
        if (type !== 'offer') return undefined;
        const line = await peer.wait('an answer', l => l.type === 'answer' || l.error, 5000, from);
        if (line.error) throw new Error(line.error);
        return line.sdp;
      },
    };
    const [offerer, answerer] = weirOffers ? ['weir', 'browser'] : ['browser', 'weir'];
    const offer = weirOffers ? (await peer.wait('an offer', l => l.type === 'offer')).sdp : await call('rounds', 'offer');
    // What a side says reaches the other after the path's delay; late candidates after as much again.
    const say = async (side, to, type, sdp) => {
      const t = now(), said = relay.describe(side, sdp, trickle);
      for (const candidate of said.later) setTimeout(() => tell[to]('candidate', candidate).catch(() => 0), 2 * delay - (now() - t));
      await after(delay - (now() - t));
      return tell[to](type, said.sdp);
    };
    result.begin = now();
    const answer = await say(offerer, answerer, 'offer', offer);
    let answerSdp = answer;
    if (weirOffers && trickle) { // the browser gathers as it answers
      const more = (async () => {
        for (let i = 0; i < 50; i++) {
          for (const c of await call('rig', 'takeCandidates')) {
            const ours = c && relay.candidate('browser', c);
            if (ours) setTimeout(() => tell.weir('candidate', ours), 2 * delay);
          }
          await after(5);
        }
      })();
      more.catch(() => 0);
    }
    result.answered = now();
    await say(answerer, offerer, 'answer', answerSdp);
    const until = now() + limit;
    while (!(relay.firstData('weir', GREETING) && relay.firstData('browser', GREETING))) {
      if (now() > until) throw new Error(`no message within ${limit} ms: ${describe(relay, result.begin)}\n# ${JSON.stringify(peer.lines.filter(l => !l.sdp))} ${peer.complaints}`);
      await after(5);
    }
    result.toWeir = relay.firstData('browser', GREETING) - result.begin;
    result.toBrowser = relay.firstData('weir', GREETING) - result.begin;
    result.stats = await peer.stats();
    const moments = await page.evaluate('window.rounds.moments');
    while (!peer.lines.some(l => l.event === 'message')) { if (now() > until) throw new Error('weir never had the message'); await after(5); }
    for (let i = 0; !moments.message && i < 400; i++) { await after(5); Object.assign(moments, await page.evaluate('window.rounds.moments')); }
    if (!moments.message) throw new Error('the page never had the message');
    result.moments = { open: moments.open - result.begin, message: moments.message - result.begin };
    result.toOfferer = weirOffers ? result.toWeir : result.toBrowser;
    result.toAnswerer = weirOffers ? result.toBrowser : result.toWeir;
  } finally {
    await page.close().catch(() => 0);
    await peer.bye().catch(() => 0);
    relay.close();
  }
  return result;
}

export function describe(relay, begin) {
  return relay.packets.map(p => `${(p.at - begin).toFixed(1)} ${p.from} ${p.kindText ?? ''}${p.data.length}${p.isLost ? ' lost' : ''}`).join(', ');
}
