// How many round trips a set-up takes with real browsers, over a path of 400 ms there and back: one row for each
// combination.
//
//   test/browser/run.sh --table [WORD...]     only rows whose description contains every word
//   test/browser/run.sh --table --picture FILE   one set-up in two round trips, drawn from its capture
import { readFileSync, writeFileSync } from 'node:fs';
import { openChromium, openFirefox, servePage } from './browsers.mjs';
import { ladder } from './ladder.mjs';
import { GREETING, setUp } from './rounds.mjs';

const [option, file] = process.argv.slice(2);
const words = option === '--picture' ? [] : process.argv.slice(2);
const DELAY = 200, RUNS = 1; // long enough that what the two ends compute counts for little
const { server, url } = await servePage(readFileSync(new URL('page.js', import.meta.url)));

const browsers = [
  { name: 'Chromium, SNAP and SPED', open: () => openChromium('WebRTC-Sctp-Snap', 'WebRTC-IceHandshakeDtls', '--disable-features=WebRtcPqcForDtls') },
  { name: 'Chromium, SNAP and SPED, hybrid share', open: () => openChromium('WebRTC-Sctp-Snap', 'WebRTC-IceHandshakeDtls') },
  { name: 'Chromium, SNAP', open: () => openChromium('WebRTC-Sctp-Snap') },
  { name: 'Chromium, SPED', open: () => openChromium('WebRTC-IceHandshakeDtls') },
  { name: 'Chromium', open: () => openChromium() },
  { name: 'Firefox', open: () => openFirefox() },
  { name: 'Firefox, DTLS 1.2', open: () => openFirefox({ 'media.peerconnection.dtls.version.max': 771 }) },
];

const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rounds = ms => (ms / (2 * DELAY)).toFixed(1);

if (option === '--picture') {
  const browser = await browsers[0].open();
  await setUp(browser, url, { delay: DELAY }); // the second time everything is warm
  const r = await setUp(browser, url, { delay: DELAY });
  const end = r.begin + Math.max(r.toOfferer, r.toAnswerer) + DELAY / 4;
  writeFileSync(file, ladder({
    packets: r.relay.packets, begin: r.begin, end, delay: DELAY, greeting: GREETING,
    title: 'Chromium offers, weir answers: SPED, SNAP, DTLS 1.3, a negotiated channel',
    signals: [{ from: 'browser', at: r.begin, arrived: r.begin + DELAY, text: 'offer, by signalling' },
      { from: 'weir', at: r.answered, arrived: r.answered + DELAY, text: 'answer, by signalling' }],
  }));
  await browser.close();
  process.exit(0);
}

console.log('| browser | offers | DTLS client | channel | candidates | to answerer | to offerer | DTLS |\n|---|---|---|---|---|---|---|---|');
for (const { name, open } of browsers) {
  let browser;
  for (const role of ['browser offers', 'weir offers'])
    for (const passive of role === 'browser offers' ? [false, true] : [false])
      for (const channel of ['negotiated', 'offerer'])
        for (const trickle of [false, true])
          for (const plain of [false, true]) {
            const what = `| ${name}${plain ? '; weir without' : ''} | ${role.split(' ')[0]} | ${role === 'browser offers' && !passive ? 'weir' : 'browser'} | ${channel === 'negotiated' ? 'negotiated' : 'in band'} | ${trickle ? 'late' : 'inside'} |`;
            if (!words.every(word => what.includes(word))) continue;
            browser ??= await open();
            const to = [[], []];
            let version = '';
            for (let run = 0; run < RUNS; run++) {
              const options = [...(passive ? ['--setup', 'passive'] : []), ...(plain ? ['--no-snap', '--no-sped'] : [])];
              try {
                const r = await setUp(browser, url, { role, channel, trickle, options, delay: DELAY });
                to[0].push(r.toAnswerer); to[1].push(r.toOfferer);
                version = r.stats.dtls;
              } catch (e) { console.error(what, String(e).slice(0, 600)); }
            }
            console.log(`${what} ${rounds(median(to[0]))} | ${rounds(median(to[1]))} | ${version} |`);
          }
  await browser?.close().catch(() => 0);
}
server.close();
process.exit(0);
