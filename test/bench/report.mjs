// From the lines of compare.sh to tables and a plot: report.mjs LINES DIRECTORY
//
//   headline.md   whole connections against the best peer
//   table.md      that, everybody's figures, and weir's parts against their rivals
//   compare.svg   the first of them drawn
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

const [input, directory] = process.argv.slice(2);
const lines = readFileSync(input, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));

const rounds = Math.max(...lines.map((l) => l.round));

const sorted = (v) => [...v].sort((a, b) => a - b);
// Of an even number the mean of the middle two.
const median = (v) => { const s = sorted(v), m = s.length >> 1; return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2; };
const digits = (x) => (x >= 1000 ? Math.round(x).toLocaleString('en') : x >= 100 ? x.toFixed(0)
    : x >= 10 ? x.toFixed(1) : x.toFixed(2));
const span = (v) => (v.length > 1 ? `${digits(sorted(v)[0])} to ${digits(sorted(v).at(-1))}` : '');

// What matches, as { round, value, cpu }.
function values(field, match, scale = 1) {
    return lines.filter((l) => l[field] !== undefined && Object.entries(match).every(([k, v]) => l[k] === v))
        .map((l) => ({ round: l.round, value: l[field] * scale, cpu: l.cpu_pct }));
}

// Ratios are taken within a round: what slows the machine slows both.
function ratios(ours, theirs, ratio) {
    return ours.flatMap((o) => theirs.filter((t) => t.round === o.round).slice(0, 1).map((t) => ratio(o.value, t.value)));
}

// -- Whole connections --------------------------------------------------------------------------------

const peers = [['libdatachannel', 'libdatachannel'], ['libwebrtc', 'libwebrtc'], ['pion', 'pion v3']];
const connections = [];
function connection(what, unit, field, match, { less = false, ours = {}, theirs = {}, theirField = field, also = [] } = {}) {
    const contender = (run, name, f, m) => {
        const measured = values(f, { ...match, ...m, run });
        return { run, name, measured };
    };
    connections.push({ what, unit, less,
        weir: contender('weir', 'weir', field, ours), other: contender('weir-openssl', 'weir, OpenSSL build', field, ours),
        peers: [...peers, ...also].map(([run, name]) => contender(run, name, theirField, theirs)).filter((p) => p.measured.length) });
}

const ordered = { scenario: 'throughput', mode: 'ordered-reliable' };
const loop = { path: 'loopback' };
const plainly = { offload: true };
for (const size of [64, 1150, 1300, 4096, 16384, 65536, 'mixed']) {
    const name = size === 'mixed' ? 'mixed, 16 B to 16 KiB' : size < 16384 ? `${size.toLocaleString('en')} B` : `${size / 1024} KiB`;
    connection(`data channel, ${name}`, 'Mbit/s', 'mbps', { ...ordered, ...loop, size }, { ours: plainly });
}
for (const size of [1150, 16384]) {
    const name = size === 1150 ? '1,150 B' : '16 KiB';
    connection(`${name}, weir without offloads`, 'Mbit/s', 'mbps', { ...ordered, size },
        { ours: { path: 'no-offload', offload: false }, theirs: loop });
}
connection('16 KiB, kernel\'s default socket buffers', 'Mbit/s', 'mbps', { ...ordered, size: 16384, path: 'stock' }, { ours: plainly });
connection('16 KiB, both', 'Mbit/s', 'mbps', { ...ordered, size: 16384, path: 'stock' }, { ours: { offload: false } });
for (const size of [1150, 16384]) {
    connection(`${size === 1150 ? '1,150 B' : '16 KiB'}, a path that segments`, 'Mbit/s', 'mbps',
        { ...ordered, size, path: 'segmented' }, { ours: plainly });
}
for (const delay of ['50', '100']) {
    connection(`16 KiB, ${delay} ms there and back`, 'Mbit/s', 'mbps', { ...ordered, size: 16384, path: delay },
        { ours: plainly, also: [['pion-4MiB', 'pion v3, 4 MiB ahead']] });
}
connection('ping-pong, 64 B, p50', 'us', 'p50_us', { ...loop, scenario: 'latency' }, { less: true });
connection('ping-pong, 64 B, p99', 'us', 'p99_us', { ...loop, scenario: 'latency' }, { less: true });
connection('set-up, median', 'ms', 'median_ms', { ...loop, scenario: 'setup' }, { less: true });
connection('set-up, p95', 'ms', 'p95_ms', { ...loop, scenario: 'setup' }, { less: true });
for (const size of [160, 1200]) {
    const name = `RTP, ${size.toLocaleString('en')} B`, match = { ...loop, scenario: 'rtp', size };
    connection(`${name}, flat out, whatever came`, 'packets/s', 'pps_received', match);
    connection(`${name}, weir losing nothing, peers flat out`, 'packets/s', 'lossless_pps', match, { theirField: 'pps_received' });
}

const figure = (c, unit) => (c.measured.length ? `${digits(median(c.measured.map((m) => m.value)))}${unit ? ` ${unit}` : ''}` : 'not measured');
for (const row of connections) {
    // Above 1 is better, whatever is measured.
    const better = row.less ? (o, t) => t / o : (o, t) => o / t;
    const by = (a, b) => (row.less ? -1 : 1) * (median(b.measured.map((m) => m.value)) - median(a.measured.map((m) => m.value)));
    row.best = [...row.peers].sort(by)[0];
    for (const c of [row.weir, row.other]) {
        c.ratios = row.best ? ratios(c.measured, row.best.measured, better) : [];
        c.ratio = c.ratios.length ? median(c.ratios) : undefined;
    }
}

const ratioText = (c) => (c.ratio === undefined ? '' : `${c.ratio < 1 ? '**' : ''}${digits(c.ratio)}${c.ratio < 1 ? '**' : ''}${span(c.ratios) ? ` (${span(c.ratios)})` : ''}`);
let headline = `| measure | weir | weir, OpenSSL build | best peer | weir against it | the OpenSSL build against it |\n|---|---|---|---|---|---|\n`;
for (const row of connections) {
    headline += `| ${row.what} | ${figure(row.weir, row.unit)} | ${figure(row.other, row.unit)} | ${row.best ? `${row.best.name}: ${figure(row.best, row.unit)}` : 'not measured'} `
        + `| ${ratioText(row.weir)} | ${ratioText(row.other)} |\n`;
}
const compared = connections.filter((r) => r.weir.ratio !== undefined);
const behind = compared.filter((r) => r.weir.ratio < 1);
const unmeasured = connections.flatMap((r) => [r.weir, r.other, ...r.peers]
    .filter((c) => c.measured.length < rounds && (c.measured.length || c.name.startsWith('weir'))).map((c) => `${c.name} in "${r.what}" ${c.measured.length} of ${rounds} times`));
const summary = `Above 1, weir is better; medians of ratios within a round, with the least and the most. `
    + `Of ${compared.length} rows weir is behind in ${behind.length}${behind.length ? `: ${behind.map((r) => r.what).join('; ')}` : ''}.`
    + (unmeasured.length ? ` Ended early or was not there, and so counts less often: ${unmeasured.join('; ')}.` : '');

const names = ['weir', 'weir, OpenSSL build', ...peers.map(([, name]) => name), 'pion v3, 4 MiB ahead'];
const all = (row) => [row.weir, row.other, ...row.peers];
const cell = (row, name, f) => { const c = all(row).find((x) => x.name === name); return c?.measured.length ? f(c.measured) : ''; };
const wide = (f) => `| measure | ${names.join(' | ')} |\n|---|${names.map(() => '---|').join('')}\n`
    + connections.map((row) => `| ${row.what}${f.unit ? `, ${row.unit}` : ''} | ${names.map((n) => cell(row, n, f.of)).join(' | ')} |`).join('\n');
const everybody = wide({ unit: true, of: (m) => { const v = m.map((x) => x.value); return `${digits(median(v))}${span(v) ? ` (${span(v)})` : ''}`; } });
const processor = wide({ of: (m) => digits(median(m.map((x) => x.cpu))) });
const lost = (run, size) => values('lost_pct', { run, scenario: 'rtp', size }).map((v) => v.value);
const losses = [160, 1200].map((size) => ['weir', 'weir-openssl', 'libdatachannel', 'pion'].filter((run) => lost(run, size).length)
    .map((run) => `${run} lost ${digits(median(lost(run, size)))} % of ${size.toLocaleString('en')} B packets`).join(', ')).filter(Boolean).join('; ');

// -- Parts, and what they must reach ------------------------------------------------------------------

const level = (run, scenario, profile) => ['vaes', 'aesni', 'armv8', 'generic']
    .map((cpu) => ({ run, bench: 'weir', scenario, profile, cpu })).find((m) => values('ns_per_packet', m).length) ?? { run: 'nobody' };
const parts = [];
// theirs: [match, name] of each rival; the best counts.
function part(what, unit, field, ours, theirs, { other, goal, reached, theirField = field, scale = 1, less = false } = {}) {
    parts.push({ what, unit, field, ours, other, theirs, goal, reached, theirField, scale, less });
}
const both = (match) => [{ run: 'weir', ...match }, { run: 'weir-openssl', ...match }];
const rivals = (match, name) => [[{ run: 'weir', ...match }, name], [{ run: 'rivals', ...match }, `${name}, OpenSSL 3.5`]];
for (const s of ['seal', 'open']) {
    part(`AES-128-GCM ${s}, 1,200 B`, 'ns', 'ns_per_packet', level('weir', s, 'AES_128_GCM'),
        rivals({ bench: 'openssl', scenario: s, profile: 'AES_128_GCM' }, 'EVP'),
        { other: level('weir-openssl', s, 'AES_128_GCM'), less: true, goal: 'at most 0.45 times', reached: (r) => r <= 0.45 });
}
for (const [profile, goal] of [['AEAD_AES_128_GCM', 4], ['AES_CM_128_HMAC_SHA1_80', 5]]) {
    for (const s of ['protect', 'unprotect']) {
        part(`SRTP ${s}, ${profile}, 1,200 B`, 'packets/s', 'pps', level('weir', s, profile),
            rivals({ bench: 'libsrtp2', scenario: s, profile }, 'libsrtp2'),
            { other: level('weir-openssl', s, profile), goal: `at least ${goal} times`, reached: (r) => r >= goal });
    }
}
for (const size of [1024, 16384, 65536]) {
    const [ours, other] = both({ bench: 'weir', scenario: 'sctp', size });
    part(`SCTP alone, both ends in memory, ${size.toLocaleString('en')} B`, 'Mbit/s', 'mbps', ours,
        [[{ run: 'weir', bench: 'usrsctp', scenario: 'sctp', size }, 'usrsctp']], { other });
}
const [uring, uringOther] = both({ scenario: 'pump', way: 'uring' });
part('pump, 1,200 B datagrams', 'packets/s', 'pps', uring, [[{ run: 'weir', scenario: 'pump', way: 'raw' }, 'raw GSO and GRO']],
    { other: uringOther, goal: 'at least 0.8 times', reached: (r) => r >= 0.8 });
part('the same', 'packets/s', 'pps', uring, [[{ run: 'weir', scenario: 'pump', way: 'single' }, 'one datagram per call']],
    { other: uringOther, goal: 'at least 10 times', reached: (r) => r >= 10 });
const [bulk, bulkOther] = both({ ...ordered, ...loop, size: 65536, offload: true });
part('data channel, 64 KiB, against the ceiling of the kernel', 'Mbit/s', 'mbps', bulk,
    [[{ run: 'weir', scenario: 'pump', way: 'raw' }, 'raw GSO and GRO']], { other: bulkOther, theirField: 'gbps', scale: 1000 });
const [ping, pingOther] = both({ bench: 'weir', scenario: 'latency' });
part('ping-pong, 64 B, p50', 'us', 'p50_us', ping, [[{ run: 'weir', bench: 'udp', scenario: 'latency' }, 'bare UDP']],
    { other: pingOther, less: true, goal: 'at most 1.6 times', reached: (r) => r <= 1.6 });
const setup = { scenario: 'setup' }, libcrypto = { run: 'weir-openssl' };
part('set-up, OpenSSL build: p95 against its own median', 'ms', 'p95_ms', { ...libcrypto, ...setup }, [[{ ...libcrypto, ...setup }, 'its median']],
    { less: true, theirField: 'median_ms', goal: 'at most 2 times', reached: (r) => r <= 2 });
for (const [run, name] of [['weir', 'default'], ['weir-openssl', 'OpenSSL']]) {
    part(`set-up with the session of the time before, ${name} build`, 'ms', 'median_ms', { run, scenario: 'reconnect' }, [[{ run, ...setup }, 'its set-up in full']],
        { less: true, goal: 'at most 1 times', reached: (r) => r <= 1 });
}
part('set-up, default build', 'ms', 'median_ms', { run: 'weir', ...setup },
    [[{ run: 'weir', scenario: 'handshake', side: 'public-key operations alone' }, 'its public-key operations, both sides']],
    { less: true, theirField: 'us_per_side', scale: 0.002, goal: 'at most 1 ms more', reached: (_, o, t) => o <= t + 1 });
for (const [version, most] of [['1.2', 1.0], ['1.3', 1.1], ['1.3, resumed', 1.0]]) {
    for (const side of ['client', 'server']) {
        part(`DTLS ${version} handshake, ${side}, OpenSSL build`, 'us', 'us_per_side',
            { ...libcrypto, bench: 'weir', profile: `DTLS ${version}`, side },
            rivals({ bench: 'openssl', scenario: 'handshake', side }, 'OpenSSL, DTLS 1.2').map(([m, n]) => [{ ...m, run: m.run === 'weir' ? 'weir-openssl' : m.run }, n]),
            { less: true, goal: `at most ${most.toFixed(1)} times`, reached: (r) => r <= most });
    }
}
for (const version of ['1.2', '1.3']) {
    const [ours, other] = both({ scenario: 'junk', kind: `record with a wrong tag, DTLS ${version}` });
    part(`refusing a forged record of 1,200 B, DTLS ${version}`, 'ns', 'ns_per_record', ours, [],
        { other, less: true, goal: 'at most 1,000 ns', reached: (_, o) => o <= 1000 });
}

let partsText = `| measure | weir | weir, OpenSSL build | beside it | ratio (least to most) | must reach | |\n|---|---|---|---|---|---|---|\n`;
for (const row of parts) {
    const ours = values(row.field, row.ours), other = row.other ? values(row.field, row.other) : [];
    const theirs = row.theirs.map(([match, name]) => ({ name, measured: values(row.theirField, match, row.scale) })).filter((t) => t.measured.length);
    const mid = (m) => median(m.map((v) => v.value));
    theirs.sort((a, b) => (row.less ? 1 : -1) * (mid(a.measured) - mid(b.measured)));
    const best = theirs[0];
    if (!ours.length || (row.theirs.length && !best)) {
        partsText += `| ${row.what} | not measured | | | | ${row.goal ?? ''} | |\n`;
        continue;
    }
    const r = best ? ratios(ours, best.measured, (o, t) => o / t) : [];
    const isReached = row.reached?.(r.length ? median(r) : NaN, mid(ours), best && mid(best.measured));
    partsText += `| ${row.what} | ${digits(mid(ours))} ${row.unit} | ${other.length ? `${digits(mid(other))} ${row.unit}` : ''} `
        + `| ${best ? `${best.name}: ${digits(mid(best.measured))} ${row.unit}` : ''} | ${r.length ? `${digits(median(r))}${span(r) ? ` (${span(r)})` : ''}` : ''} `
        + `| ${row.goal ?? ''} | ${row.goal ? (isReached ? 'reached' : '**missed**') : ''} |\n`;
}

// -- Writing them -------------------------------------------------------------------------------------

const versions = [...new Set(lines.map((l) => (l.provider && l.bench === 'weir' ? (l.run === 'rivals' ? '' : `weir with ${l.provider}`)
    : l.provider ? (l.bench === 'openssl' ? `OpenSSL ${l.provider}` : l.provider)
    : ['libdatachannel', 'libwebrtc', 'pion'].includes(l.bench) ? `${l.bench} ${l.ver}` : '')))].filter(Boolean);
const day = new Date().toISOString().slice(0, 10);
const conditions = `${day}, ${cpus().length} cores (${cpus()[0].model.trim()}), Linux ${release().split('-')[0]}, `
    + `two processes on one machine, medians of ${rounds} interleaved round${rounds === 1 ? '' : 's'}`;
writeFileSync(`${directory}/headline.md`, headline);
writeFileSync(`${directory}/table.md`, `# weir beside its peers

${conditions}. Made by \`test/bench/compare.sh\`; what is measured how, and how each peer is used, is in
[../README.md](../README.md). Versions: ${versions.join('; ')}.

## Whole connections, against the best peer

${summary}

${headline}
## Everybody

Median (least to most).

${everybody}

${losses ? `Of media flat out, ${losses}.\n\n` : ''}Processor time, % of one core, both processes; of set-up and ping-pong the first process alone:

${processor}

## Parts

Ratio: weir's figure, of the default build where none is named, over the best of the others.

${partsText}`);

// -- The plot: a bar each, every row on its own scale ---------------------------------------------------

const colours = { weir: '#0b7a75', 'weir, OpenSSL build': '#5bb5ae', libdatachannel: '#c47f2c', libwebrtc: '#8a6fae', 'pion v3': '#4f7fb5', 'pion v3, 4 MiB ahead': '#9bb8d9' };
const escape = (s) => s.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const bar = 13, gap = 14, top = 92, left = 330, width = 400;
let y = top, body = '';
for (const row of connections.filter((r) => r.weir.measured.length)) {
    const shown = all(row).filter((c) => c.measured.length);
    const most = Math.max(...shown.flatMap((c) => c.measured.map((m) => m.value)));
    body += `<text x="${left - 10}" y="${y + shown.length * bar / 2 + 4}" text-anchor="end" fill="#1b2733">${escape(row.what)}</text>\n`;
    for (const c of shown) {
        const v = sorted(c.measured.map((m) => m.value)), at = (x) => (left + x / most * width).toFixed(1);
        body += `<rect x="${left}" y="${y}" width="${(median(v) / most * width).toFixed(1)}" height="${bar - 2}" fill="${colours[c.name]}"/>`
            + `<line x1="${at(v[0])}" x2="${at(v.at(-1))}" y1="${y + bar / 2 - 1}" y2="${y + bar / 2 - 1}" stroke="#1b2733"/>`
            + `<text x="${left + width + 8}" y="${y + bar - 3}" fill="#1b2733" font-size="11">${digits(median(v))} ${row.unit}</text>\n`;
        y += bar;
    }
    y += gap;
}
let legend = '';
Object.entries(colours).forEach(([name, colour], i) => {
    legend += `<rect x="${16 + i * 150}" y="60" width="12" height="12" fill="${colour}"/><text x="${33 + i * 150}" y="71" fill="#1b2733" font-size="12">${name}</text>\n`;
});
writeFileSync(`${directory}/compare.svg`, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 930 ${y}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="16" y="26" font-size="18" font-weight="bold" fill="#1b2733">weir beside its peers</text>
<text x="16" y="46" fill="#5a6b7b" font-size="12">${escape(conditions)}; thin lines: least and most</text>
${legend}${body}</svg>
`);
process.stdout.write(`${headline}\n${summary}\n\nTables and plot are in ${directory}/.\n`);
