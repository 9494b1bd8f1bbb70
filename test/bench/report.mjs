// From the lines of compare.sh to a table and plots: report.mjs LINES DIRECTORY
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

const [input, directory] = process.argv.slice(2);
const lines = readFileSync(input, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));

const sorted = (v) => [...v].sort((a, b) => a - b);
const median = (v) => sorted(v)[Math.floor(v.length / 2)];
const digits = (x) => (x >= 1000 ? Math.round(x).toLocaleString('en') : x >= 100 ? x.toFixed(0)
    : x >= 10 ? x.toFixed(1) : x.toFixed(2));

// Values of one field, by round, over all lines that match.
function values(field, match) {
    return lines.filter((l) => l[field] !== undefined && Object.entries(match).every(([k, v]) => l[k] === v))
        .map((l) => ({ round: l.round, value: l[field], cpu: l.cpu_pct }));
}

// What was measured, of whom, and in which direction better lies.
const best = (scenario, profile) => ['vaes', 'aesni', 'armv8', 'generic']
    .map((cpu) => ({ bench: 'weir', scenario, profile, cpu })).find((m) => values('ns_per_packet', m).length);
const gcm = 'AES_128_GCM';
const rows = [];
for (const s of ['seal', 'open']) {
    rows.push({ what: `AES-128-GCM ${s}, 1,200 B`, unit: 'ns', field: 'ns_per_packet', less: true,
        ours: best(s, gcm), theirs: { bench: 'openssl', scenario: s, profile: gcm }, peer: 'OpenSSL EVP',
        goal: 'at most 0.45 times', reached: (r) => r <= 0.45 });
}
for (const [profile, goal] of [['AEAD_AES_128_GCM', 4], ['AES_CM_128_HMAC_SHA1_80', 5]]) {
    for (const s of ['protect', 'unprotect']) {
        rows.push({ what: `SRTP ${s}, ${profile}, 1,200 B`, unit: 'packets/s', field: 'pps',
            ours: best(s, profile), theirs: { bench: 'libsrtp2', scenario: s, profile }, peer: 'libsrtp2',
            goal: `at least ${goal} times`, reached: (r) => r >= goal });
    }
}
for (const size of [1024, 16384]) {
    rows.push({ what: `SCTP alone, both ends in memory, ${size.toLocaleString('en')} B messages`, unit: 'Mbit/s',
        field: 'mbps', ours: { bench: 'weir', scenario: 'sctp', size },
        theirs: { bench: 'usrsctp', scenario: 'sctp', size }, peer: 'usrsctp' });
}
rows.push({ what: 'pump, 1,200 B datagrams', unit: 'packets/s', field: 'pps',
    ours: { scenario: 'pump', way: 'uring' }, theirs: { scenario: 'pump', way: 'raw' },
    peer: 'raw GSO and GRO', goal: 'at least 0.8 times', reached: (r) => r >= 0.8 });
rows.push({ what: 'the same', unit: 'packets/s', field: 'pps', ours: { scenario: 'pump', way: 'uring' },
    theirs: { scenario: 'pump', way: 'single' }, peer: 'one datagram per call', goal: 'at least 10 times',
    reached: (r) => r >= 10 });
rows.push({ what: 'data channel, 64 KiB ordered, two processes', unit: 'Mbit/s', field: 'mbps',
    ours: { run: 'weir', scenario: 'throughput' }, theirs: { run: 'pion', scenario: 'throughput' },
    peer: 'pion v3', goal: 'at least 15 times', reached: (r) => r >= 15 });
rows.push({ what: 'the same, against the ceiling of the kernel', unit: 'Mbit/s', field: 'mbps',
    ours: { run: 'weir', scenario: 'throughput' }, theirs: { scenario: 'pump', way: 'raw' },
    scale: 1000, theirField: 'gbps', peer: 'raw GSO and GRO' });
rows.push({ what: 'RTP through a peer connection, 1,200 B, nothing lost', unit: 'packets/s',
    field: 'lossless_pps', ours: { run: 'weir', scenario: 'rtp' }, theirField: 'pps_received',
    theirs: { run: 'pion', scenario: 'rtp' }, peer: 'pion v3, losses forgiven', goal: 'at least 8 times',
    reached: (r) => r >= 8 });
rows.push({ what: 'data channel ping-pong, 64 B, p50', unit: 'us', field: 'p50_us', less: true,
    ours: { run: 'weir', bench: 'weir', scenario: 'latency' }, theirs: { bench: 'udp', scenario: 'latency' },
    peer: 'bare UDP', goal: 'at most 1.6 times', reached: (r) => r <= 1.6 });
rows.push({ what: 'the same', unit: 'us', field: 'p50_us', less: true,
    ours: { run: 'weir', bench: 'weir', scenario: 'latency' }, theirs: { run: 'pion', scenario: 'latency' },
    peer: 'pion v3', goal: 'at most 0.5 times', reached: (r) => r <= 0.5 });
rows.push({ what: 'set-up, libcrypto provider, median', unit: 'ms', field: 'median_ms', less: true,
    ours: { run: 'weir-openssl', scenario: 'setup' }, theirs: { run: 'pion', scenario: 'setup' },
    peer: 'pion v3', goal: 'at most 1.2 ms', reached: (_, o) => o <= 1.2 });
rows.push({ what: 'the same, p95 against its own median', unit: 'ms', field: 'p95_ms', less: true,
    ours: { run: 'weir-openssl', scenario: 'setup' }, theirs: { run: 'weir-openssl', scenario: 'setup' },
    theirField: 'median_ms', peer: 'its median', goal: 'at most 2 times', reached: (r) => r <= 2 });
rows.push({ what: 'set-up with the session of the time before', unit: 'ms', field: 'median_ms', less: true,
    ours: { run: 'weir-openssl', scenario: 'reconnect' }, theirs: { run: 'weir-openssl', scenario: 'setup' },
    peer: 'its set-up in full', goal: 'at most 1 times', reached: (r) => r <= 1 });
rows.push({ what: 'set-up, mbedtls provider, median', unit: 'ms', field: 'median_ms', less: true,
    ours: { run: 'weir', scenario: 'setup' }, scale: 0.002, theirField: 'us_per_side',
    theirs: { run: 'weir', scenario: 'handshake', side: 'public-key operations alone' },
    peer: 'its public-key operations, both sides', goal: 'at most 1 ms more', reached: (_, o, t) => o <= t + 1 });
for (const [version, most] of [['1.2', 1.0], ['1.3', 1.1], ['1.3, resumed', 1.0]]) {
    for (const side of ['client', 'server']) {
        rows.push({ what: `DTLS ${version} handshake, ${side}, libcrypto provider`, unit: 'us', less: true,
            field: 'us_per_side', ours: { run: 'weir-openssl', bench: 'weir', profile: `DTLS ${version}`, side },
            theirs: { run: 'weir-openssl', bench: 'openssl', scenario: 'handshake', side },
            peer: 'OpenSSL, DTLS 1.2', goal: `at most ${most.toFixed(1)} times`, reached: (r) => r <= most });
    }
}
for (const version of ['1.2', '1.3']) {
    rows.push({ what: `refusing a forged record of 1,200 B, DTLS ${version}`, unit: 'ns', less: true,
        field: 'ns_per_record', ours: { run: 'weir', scenario: 'junk', kind: `record with a wrong tag, DTLS ${version}` },
        limit: 1000, peer: 'limit', goal: 'at most 1 us', reached: (_, o) => o <= 1000 });
}

// -- The table ------------------------------------------------------------------------------------

function measure(row) {
    const ours = row.ours ? values(row.field, row.ours) : [];
    const theirs = row.limit ? ours.map((v) => ({ ...v, value: row.limit }))
        : values(row.theirField ?? row.field, row.theirs).map((v) => ({ ...v, value: v.value * (row.scale ?? 1) }));
    if (ours.length === 0 || theirs.length === 0) {
        return null;
    }
    // Ratios are taken within a round: what slows the machine slows both.
    const ratios = ours.flatMap((o) => theirs.filter((t) => t.round === o.round).slice(0, 1)
        .map((t) => o.value / t.value));
    const v = { ours: ours.map((o) => o.value), theirs: theirs.map((t) => t.value), ratios };
    v.ratio = median(ratios);
    v.cpu = [median(ours.map((o) => o.cpu)), median(theirs.map((t) => t.cpu))];
    v.isReached = row.reached?.(v.ratio, median(v.ours), median(v.theirs));
    return v;
}

const spread = (v) => `${digits(sorted(v)[0])} to ${digits(sorted(v).at(-1))}`;
let text = `| measure | weir | beside it | ratio | spread of the ratio | must reach | |\n|---|---|---|---|---|---|---|\n`;
for (const row of rows) {
    const v = row.measured = measure(row);
    text += v === null ? `| ${row.what} | not measured | ${row.peer} | | | ${row.goal ?? ''} | |\n`
        : `| ${row.what} | ${digits(median(v.ours))} ${row.unit} | ${row.peer}: ${digits(median(v.theirs))} ${row.unit} `
        + `| ${digits(v.ratio)} | ${spread(v.ratios)} | ${row.goal ?? ''} | ${row.goal ? (v.isReached ? 'reached' : 'missed') : ''} |\n`;
}
const rounds = Math.max(...lines.map((l) => l.round));
const versions = [...new Set(lines.filter((l) => l.provider).map((l) => `${l.bench} with ${l.provider}`))];
const cpuRows = rows.filter((r) => r.measured && !['aead'].includes(r.field) && r.measured.cpu.some((c) => c !== 100));
const day = new Date().toISOString().slice(0, 10);
const conditions = `${day}, ${cpus().length} cores (${cpus()[0].model.trim()}), Linux ${release().split('-')[0]}, loopback, `
    + `medians of ${rounds} interleaved rounds`;
writeFileSync(`${directory}/table.md`, `# weir beside its peers

${conditions}. Made by \`test/bench/compare.sh\`; versions: ${versions.join(', ')}.

${text}
Processor time, % of one core, both processes where there are two:

| measure | weir | beside it |
|---|---|---|
${cpuRows.map((r) => `| ${r.what} | ${digits(r.measured.cpu[0])} | ${r.peer}: ${digits(r.measured.cpu[1])} |`).join('\n')}

## Others, quoted

Not measured here, but on 2026-11-22 on a like machine (2 cores, AMD EPYC, Linux 6.18).

| | libdatachannel 0.24.5 (OpenSSL) | pion v4.2.18 | libwebrtc (node binding 0.10.0) |
|---|---|---|---|
| ordered 64 KiB, Mbit/s | 720 | 327 | 679 |
| ping-pong p50, us | 161 | 202 | 406 |
| set-up median / p95, ms | 6.9 / 1005 | 4.6 / 6.0 | 7.2 / 8.6 |
`);

// -- Plots: one bar for us, one for what is beside, each row on its own scale ----------------------

const escape = (s) => s.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const drawn = rows.filter((r) => r.measured);
const height = 44, top = 64, left = 390, width = 360;
let svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 ${top + drawn.length * height + 20}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="16" y="26" font-size="18" font-weight="bold" fill="#1b2733">weir beside its peers</text>
<text x="16" y="46" fill="#5a6b7b">${escape(conditions)}; thin lines: least and most</text>
`;
drawn.forEach((row, i) => {
    const v = row.measured, y = top + i * height;
    const most = Math.max(...v.ours, ...v.theirs);
    const bar = (values, dy, colour, label) => {
        const w = median(values) / most * width, s = sorted(values);
        return `<rect x="${left}" y="${y + dy}" width="${w.toFixed(1)}" height="14" fill="${colour}"/>`
            + `<line x1="${(left + s[0] / most * width).toFixed(1)}" x2="${(left + s.at(-1) / most * width).toFixed(1)}" y1="${y + dy + 7}" y2="${y + dy + 7}" stroke="#1b2733" stroke-width="1"/>`
            + `<text x="${left + width + 8}" y="${y + dy + 11}" fill="#1b2733" font-size="12">${escape(label)}</text>`;
    };
    svg += `<text x="${left - 10}" y="${y + 20}" text-anchor="end" fill="#1b2733">${escape(row.what)}</text>
${bar(v.ours, 2, '#0b7a75', `weir ${digits(median(v.ours))} ${row.unit}`)}
${bar(v.theirs, 18, '#c9d3dc', `${row.peer} ${digits(median(v.theirs))}`)}
`;
});
writeFileSync(`${directory}/compare.svg`, `${svg}</svg>\n`);
process.stdout.write(text);
