// Real browsers at their default settings, headless, with a fake camera.
import { createServer } from 'node:http';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

// A secure context needs a page from localhost.
export async function servePage(script) {
  const server = createServer((request, response) => {
    response.setHeader('content-type', request.url.endsWith('.js') ? 'text/javascript' : 'text/html');
    response.end(request.url.endsWith('.js') ? script : '<!DOCTYPE html><title>weir test</title><script src="/page.js"></script>');
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

// With field trials that are off by default and with flags ("--..."), or at its default settings.
export async function openChromium(...asked) {
  const trials = asked.filter(word => !word.startsWith('--'));
  const context = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), 'weir-cr-')), {
    executablePath: '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
      ...asked.filter(word => word.startsWith('--')),
      ...(trials.length ? [`--force-fieldtrials=${trials.map(trial => `${trial}/Enabled/`).join('')}`] : [])],
  });
  return { name: 'chromium', newPage: () => context.newPage(), close: () => context.close(), version: () => context.browser()?.version() };
}

export async function openFirefox(prefs = {}) {
  const browser = await puppeteer.launch({
    browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true,
    extraPrefsFirefox: { 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true, 'media.autoplay.default': 0, ...prefs },
  });
  return { name: 'firefox', newPage: () => browser.newPage(), close: () => browser.close(), version: () => browser.version() };
}
