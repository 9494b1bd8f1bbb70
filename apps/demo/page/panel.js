// The panel: what the server's protocols say of themselves, each figure with a sentence that says what it is.
'use strict';
const $ = id => document.getElementById(id);
const milliseconds = us => us ? `${(us / 1000).toFixed(us < 10000 ? 2 : 0)} ms` : '–';

const meaning = {
  'ICE': 'Whether a path to the other side is found, and still answers.',
  'DTLS': 'The handshake that makes the keys: version, cipher suite, key exchange, and the server\'s role in it.',
  'SRTP': 'How audio and video packets are protected.',
  'SCTP': 'The state of the association that carries the data channels.',
  'SCTP round trip': 'Smoothed time until data is acknowledged. A browser may hold an acknowledgement back for up to 200 ms, so the least that was measured says more of the path.',
  'congestion window': 'How much the server may have on the way at once, and how much it has.',
  'peer window': 'How much this browser has room for.',
  'sent again': 'Pieces of data that the server had to send more than once.',
  'channels': 'The open data channels, by label.',
  'RTCP round trip': 'Time there and back of the reports beside audio and video.',
  'media': 'Packets from and to this browser; lost ones never came, jitter is how unevenly they came.',
  'weir': 'Address of the server, and how it is known: host is an address of the machine itself, srflx one that a STUN server saw, prflx one that a check came from, relay one of a TURN server.',
  'browser': 'Address of this browser, and how it is known.',
  'state': 'What ICE has found out about the pair; the selected one carries everything.',
  'round trip': 'Time until the last check on this pair was answered.',
  'stage': 'The steps every packet takes through the server.',
  'packets': 'Packets this stage has handled, of all browsers.',
  'batches': 'How often it ran: fewer batches than packets means that several were handled at once.',
  'ns each': 'Processor time of one packet in this stage.',
};

function cellOf(kind, text) {
  const cell = document.createElement(kind);
  cell.textContent = String(text).replaceAll('_', '_\u200b'); // long names may break there
  const tip = meaning[kind === 'th' ? text : ''];
  if (tip) { cell.dataset.tip = tip; cell.tabIndex = 0; }
  return cell;
}

// Rows of texts; the first cell of each is its head, or with `heads` the first row is.
function fill(table, rows, heads) {
  const lines = rows.map(cells => {
    const row = document.createElement('tr');
    row.append(...cells.map((text, i) => cellOf(!heads && i === 0 ? 'th' : 'td', text)));
    return row;
  });
  if (heads) {
    const head = document.createElement('tr');
    head.append(...heads.map(text => cellOf('th', text)));
    lines.unshift(head);
  }
  // Focus stays where it was: somebody may be reading the sentence behind a figure.
  const at = [...table.querySelectorAll('[tabindex]')].indexOf(document.activeElement);
  table.replaceChildren(...lines);
  if (at >= 0) table.querySelectorAll('[tabindex]')[at]?.focus();
  return lines;
}

function showProtocols(s) {
  const d = s.dtls, c = s.sctp;
  const rows = [
    ['ICE', s.ice.state],
    ['DTLS', [d.state, d.version, d.suite, d.group, d.role].filter(Boolean).join(', ')],
    ['SRTP', d.srtp],
    ['SCTP', c.state || '–'],
  ];
  if (c.state) {
    rows.push(['SCTP round trip', c.srtt_us ? `${milliseconds(c.srtt_us)}, at least ${milliseconds(c.rtt_least_us)}` : '–'],
      ['congestion window', `${c.cwnd} B, ${c.flight} in flight`], ['peer window', `${c.peer_window} B`],
      ['sent again', c.retransmitted], ['channels', c.channels.map(x => x.label).join(', ')]);
  }
  for (const m of s.media) {
    rows.push([`${m.kind} ${m.codec}`, `${m.rx_packets} in, ${m.tx_packets} out, ${m.lost || 0} lost, jitter ${milliseconds(m.jitter_us)}`]);
  }
  if (s.rtcp_rtt_us) rows.push(['RTCP round trip', milliseconds(s.rtcp_rtt_us)]);
  for (const row of fill($('protocols'), rows)) {
    const head = row.firstChild;
    if (!head.dataset.tip) { head.dataset.tip = meaning.media; head.tabIndex = 0; }
  }
}

function showTimeline(list) {
  $('timeline').replaceChildren(...list.sort((a, b) => a.ms - b.ms).map(x => {
    const line = document.createElement('li');
    line.append(Object.assign(document.createElement('span'), { textContent: x.name }),
      Object.assign(document.createElement('span'), { textContent: `${x.ms.toFixed(2)} ms` }));
    return line;
  }));
}

function showStats(s) {
  showProtocols(s);
  showTimeline(s.timeline);
  const pairs = fill($('pairs'), s.ice.pairs.map(p => [`${p.local} ${p.local_type}`, `${p.remote} ${p.remote_type}`,
    p.selected ? 'selected' : p.state, milliseconds(p.rtt_us)]), ['weir', 'browser', 'state', 'round trip']);
  s.ice.pairs.forEach((p, i) => { if (p.selected) pairs[i + 1].className = 'selected'; });
  fill($('stages'), s.stages.map(x => [x.name, x.packets, x.batches, x.ns_per_packet.toFixed(0)]), ['stage', 'packets', 'batches', 'ns each']);
  const drops = Object.entries(s.drops);
  fill($('drops'), drops.length ? drops : [['none', '']]);
  $('pump').textContent = `${s.pump}, ${s.peers} connected, ${s.pool_free} of ${s.pool_count} buffers free`;
}

// What the panel says is of a server that is not there any more.
function fadeStats() {
  for (const id of ['protocols', 'pairs', 'stages', 'drops']) {
    const row = document.createElement('tr');
    row.append(Object.assign(document.createElement('td'), { className: 'empty', textContent: 'the server is gone' }));
    $(id).replaceChildren(row);
  }
  $('pump').textContent = '';
}

// -- The sentence behind a figure, on hover and on focus --

for (const e of document.querySelectorAll('[data-tip]')) e.tabIndex = 0;

function showTip(e) {
  const of = e.target.closest?.('[data-tip]');
  const tip = $('tip');
  tip.hidden = !of;
  if (!of) return;
  const box = of.getBoundingClientRect();
  tip.textContent = of.dataset.tip;
  tip.style.left = `${Math.max(8, Math.min(box.left + scrollX, innerWidth - 370))}px`;
  tip.style.top = `${box.bottom + scrollY + 6}px`;
  of.setAttribute('aria-describedby', 'tip');
}
document.addEventListener('mouseover', showTip);
document.addEventListener('focusin', showTip);
document.addEventListener('focusout', () => { $('tip').hidden = true; });
document.addEventListener('keydown', e => { if (e.key === 'Escape') $('tip').hidden = true; });
