// The demo's page in a real browser: it connects, the data channel and the picture come back, the panel
// fills. With --picture FILE it leaves a screenshot there.
import { spawn } from 'node:child_process';
import { openChromium, openFirefox } from './browsers.mjs';

const program = process.env.WEIR_DEMO || new URL('../../build/bin/weir-demo', import.meta.url).pathname;
const pictureAt = process.argv.indexOf('--picture');
const picture = pictureAt > 0 ? process.argv[pictureAt + 1] : null;
const after = ms => new Promise(resolve => setTimeout(resolve, ms));

export async function tryDemo(browser, address = '127.0.0.1:8099') {
  const demo = spawn(program, ['--listen', address, ...(process.env.WEIR_DEMO_OPTIONS || '').split(' ').filter(Boolean)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  demo.stdout.on('data', data => { said += data; });
  demo.stderr.on('data', data => { said += data; });
  const exited = new Promise(resolve => demo.on('exit', resolve));
  try {
    for (let i = 0; i < 100 && !said.includes('http://'); i++) await after(20);
    if (!said.includes('http://')) throw new Error(`the demo did not start: ${said}`);
    const page = await browser.newPage();
    if (page.setViewportSize) await page.setViewportSize({ width: 1180, height: 1060 });
    await page.goto(`http://${address}/`);
    const until = Date.now() + 20000;
    let seen;
    for (;;) {
      seen = await page.evaluate(`(() => {
        return { state: document.getElementById('state').textContent, echoed: window.weir.echoed,
          frames: window.weir.frames || 0, width: document.getElementById('remote').videoWidth, stats: window.weir.stats && window.weir.stats.dtls.suite + ", " + window.weir.stats.dtls.group };
      })()`);
      if (seen.state === 'connected' && seen.echoed > 5 && seen.frames > 20 && seen.width > 0 && seen.stats) break;
      if (Date.now() > until) throw new Error(`the page shows ${JSON.stringify(seen)}`);
      await after(100);
    }
    if (picture) {
      await page.evaluate(`document.getElementById('text').value = 'hello, weir'; document.getElementById('chat').requestSubmit(); document.getElementById('burst').click()`);
      await after(6000);
      await page.screenshot({ path: picture });
    }
    // A build whose provider has ML-KEM says which group it must come to.
    const group = process.env.WEIR_EXPECT_GROUP || '';
    if (!seen.stats.endsWith(group)) throw new Error(`${seen.stats} instead of ${group}`);
    demo.kill('SIGINT');
    const begin = Date.now();
    const code = await Promise.race([exited, after(3000).then(() => 'still running')]);
    if (code !== 0 || Date.now() - begin > 1000) throw new Error(`after Ctrl-C: ${code}, ${Date.now() - begin} ms`);
    for (let i = 0; i < 50 && seen.state === 'connected'; i++) {
      await after(100);
      seen.state = await page.evaluate(`document.getElementById('state').textContent`);
    }
    if (seen.state === 'connected') throw new Error('the page never noticed the goodbye');
    await page.close();
    return `${seen.frames} frames shown, ${seen.echoed} echoes, ${seen.stats}`;
  } finally {
    demo.kill('SIGKILL');
  }
}

// Several pages at once, spread over shards that share one UDP port.
export async function trySeveral(browser, address = '127.0.0.1:8098') {
  const demo = spawn(program, ['--listen', address, '--shards', '3'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  demo.stdout.on('data', data => { said += data; });
  demo.stderr.on('data', data => { said += data; });
  const exited = new Promise(resolve => demo.on('exit', resolve));
  try {
    for (let i = 0; i < 100 && !said.includes('http://'); i++) await after(20);
    if (!said.includes('3 shards')) throw new Error(`the demo did not start: ${said}`);
    const pages = [];
    for (let i = 0; i < 4; i++) {
      pages.push(await browser.newPage());
      await pages[i].goto(`http://${address}/`);
    }
    const until = Date.now() + 25000;
    let seen;
    do {
      if (Date.now() > until) throw new Error(`the pages show ${JSON.stringify(seen)}`);
      await after(200);
      seen = [];
      for (const page of pages) {
        seen.push(await page.evaluate(`({ state: document.getElementById('state').textContent, echoed: window.weir.echoed })`));
      }
    } while (!seen.every(s => s.state === 'connected' && s.echoed > 3));
    demo.kill('SIGINT');
    const code = await Promise.race([exited, after(3000).then(() => 'still running')]);
    if (code !== 0) throw new Error(`after Ctrl-C: ${code}`);
    for (const page of pages) await page.close();
    return `${pages.length} pages on 3 shards`;
  } finally {
    demo.kill('SIGKILL');
  }
}

// A server that is killed under its page, and one that has no room: the page says so, offers nothing that
// cannot work, and comes back by itself.
export async function tryDemoGone(browser, address = '127.0.0.1:8097') {
  const start = async () => {
    const demo = spawn(program, ['--listen', address, '--peers', '1'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    demo.stdout.on('data', data => { said += data; });
    for (let i = 0; i < 250 && !said.includes('Ctrl-C'); i++) await after(20);
    return demo;
  };
  const look = page => page.evaluate(`({ state: document.getElementById('state').textContent, notice: document.getElementById('notice').textContent,
    burst: document.getElementById('burst').disabled, rate: document.getElementById('rate').textContent, rows: document.querySelectorAll('#timeline li').length,
    selected: document.querySelector('tr.selected')?.textContent || '', least: document.getElementById('protocols').textContent,
    panel: document.getElementById('pairs').textContent, failures: window.failures })`);
  const until = async (page, what, is) => {
    let seen;
    for (const end = Date.now() + 20000; Date.now() < end; await after(100)) {
      seen = await look(page);
      if (is(seen)) return seen;
    }
    throw new Error(`${what}: ${JSON.stringify(seen)}`);
  };
  let demo = await start();
  try {
    const page = await browser.newPage();
    await page.goto(`http://${address}/?drawn`);
    await page.evaluate(`window.failures = 0; addEventListener('error', () => window.failures++); addEventListener('unhandledrejection', () => window.failures++);`);
    let seen = await until(page, 'connected', s => s.state === 'connected' && s.rows >= 9 && !s.burst && s.selected.includes('selected') && s.selected.includes('host') && s.least.includes('at least'));
    await page.evaluate(`document.getElementById('burst').click()`);
    seen = await until(page, 'a burst has its rate', s => parseInt(s.rate) > 20);
    const rate = seen.rate;
    const second = await browser.newPage();
    await second.goto(`http://${address}/?drawn`);
    await until(second, 'a second page is told that there is no room', s => s.notice.includes('no room'));
    await second.close();
    const begin = Date.now();
    demo.kill('SIGKILL');
    await until(page, 'a killed server', s => s.state === 'server gone' && s.burst && s.panel.includes('gone'));
    const took = Date.now() - begin;
    if (took > 2000) throw new Error(`the page noticed after ${took} ms`);
    await page.evaluate(`document.getElementById('burst').click(); document.getElementById('text').value = 'x'; document.getElementById('chat').requestSubmit()`);
    demo = await start();
    seen = await until(page, 'back again', s => s.state === 'connected' && s.notice === '' && s.rows >= 9);
    if (seen.failures !== 0) throw new Error(`${seen.failures} errors in the page`);
    await page.close();
    return `noticed after ${took} ms, burst ${rate}`;
  } finally {
    demo.kill('SIGKILL');
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const browser = process.argv.includes('firefox') ? await openFirefox() : await openChromium();
  console.log(await tryDemo(browser).catch(e => `FAILED ${e.stack}`));
  await browser.close();
  process.exit(0);
}
