// pion v3 doing what weir-bench does, one JSON object per line. Two processes with one peer connection
// each; descriptions and counts pass over the standard streams of the second one.
//
//	pion setup | latency | throughput SECONDS SIZE|mixed MODE | rtp SECONDS SIZE
//
// Used as it is fastest: channels are detached, so that messages are read without a goroutine each; one
// certificate and one socket serve all connections; the collector runs a quarter as often.
package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/ice/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

const (
	setups, warmSetups = 30, 3
	pings, warmPings   = 4000, 500
	messageMax         = 65535 // its receiver reads into 65,535 bytes and stops at one more
	rtpHeader          = 12
	socketBytes        = 4 << 20
)

var warm = 500 * time.Millisecond

// How much lies ahead in the sender, and the receiver's room: where it is fastest over loopback. With more it
// loses packets to its own bursts; a long path wants more.
var buffered, receiveBuffer = func() (uint64, uint32) {
	if n, err := strconv.Atoi(os.Getenv("WEIR_BENCH_AHEAD")); err == nil {
		return uint64(n), 4 << 20
	}
	return 256 << 10, 1 << 20
}()

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pion:", err)
		os.Exit(1)
	}
}

// The other process.
type pipe struct {
	in  *bufio.Reader
	out io.Writer
}

func (p *pipe) tell(s string) {
	_, err := fmt.Fprintln(p.out, s)
	must(err)
}

func (p *pipe) hear() string {
	s, err := p.in.ReadString('\n')
	must(err)
	return strings.TrimSpace(s)
}

// What pion logs on the standard output goes elsewhere: that belongs to the other process.
var output = func() *os.File {
	out := os.Stdout
	os.Stdout = os.Stderr
	return out
}()

var isCallee = os.Args[len(os.Args)-1] == "callee"

// The address of this end.
var own = func() net.IP {
	text := os.Getenv(map[bool]string{false: "WEIR_BENCH_NEAR", true: "WEIR_BENCH_FAR"}[isCallee])
	if text == "" {
		text = "127.0.0.1"
	}
	return net.ParseIP(text)
}()

// One certificate for all peers of this process.
var certificate = func() webrtc.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	c, err := webrtc.GenerateCertificate(key)
	must(err)
	return *c
}()

// One socket for all of them, with as much room as weir's takes.
var mux = func() ice.UDPMux {
	_ = output // before this
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: own})
	must(err)
	raw, err := c.SyscallConn()
	must(err)
	must(raw.Control(func(fd uintptr) {
		for force, plain := range map[int]int{syscall.SO_RCVBUFFORCE: syscall.SO_RCVBUF,
			syscall.SO_SNDBUFFORCE: syscall.SO_SNDBUF} {
			if syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, force, socketBytes) != nil {
				must(syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, plain, socketBytes))
			}
		}
	}))
	return webrtc.NewICEUDPMux(nil, c)
}()

func newPeer() *webrtc.PeerConnection {
	s := webrtc.SettingEngine{}
	s.SetICEUDPMux(mux)
	s.SetIncludeLoopbackCandidate(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetIPFilter(func(ip net.IP) bool { return ip.Equal(own) })
	s.SetSCTPMaxReceiveBufferSize(receiveBuffer)
	s.DetachDataChannels()
	m := &webrtc.MediaEngine{}
	must(m.RegisterDefaultCodecs())
	p, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m)).
		NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{certificate}})
	must(err)
	return p
}

func describe(p *webrtc.PeerConnection, d webrtc.SessionDescription) string {
	gathered := webrtc.GatheringCompletePromise(p)
	must(p.SetLocalDescription(d))
	<-gathered
	text, err := json.Marshal(p.LocalDescription())
	must(err)
	return base64.StdEncoding.EncodeToString(text)
}

func accept(p *webrtc.PeerConnection, text string) {
	raw, err := base64.StdEncoding.DecodeString(text)
	must(err)
	var d webrtc.SessionDescription
	must(json.Unmarshal(raw, &d))
	must(p.SetRemoteDescription(d))
}

func call(p *webrtc.PeerConnection, other *pipe) {
	offer, err := p.CreateOffer(nil)
	must(err)
	other.tell(describe(p, offer))
	accept(p, other.hear())
}

func answer(p *webrtc.PeerConnection, other *pipe) {
	accept(p, other.hear())
	a, err := p.CreateAnswer(nil)
	must(err)
	other.tell(describe(p, a))
}

// An open channel.
type channel struct {
	*webrtc.DataChannel
	raw datachannel.ReadWriteCloser
}

func opened(c *webrtc.DataChannel) chan channel {
	open := make(chan channel, 1)
	c.OnOpen(func() {
		raw, err := c.Detach()
		must(err)
		open <- channel{c, raw}
	})
	return open
}

func openChannel(p *webrtc.PeerConnection, other *pipe, mode string) channel {
	init := &webrtc.DataChannelInit{}
	if mode != "ordered-reliable" {
		ordered, retransmits := false, uint16(0)
		init.Ordered, init.MaxRetransmits = &ordered, &retransmits
	}
	c, err := p.CreateDataChannel("bench", init)
	must(err)
	open := opened(c)
	call(p, other)
	return <-open
}

func acceptChannel(p *webrtc.PeerConnection, other *pipe) channel {
	open := make(chan channel, 1)
	p.OnDataChannel(func(c *webrtc.DataChannel) {
		go func() { open <- <-opened(c) }()
	})
	answer(p, other)
	return <-open
}

// -- Content: a number, then a piece of one table of noise, as in bench_content.c -------------------

const places, placeBytes = 64, 40

var noise, table = func() ([]byte, []byte) {
	n := make([]byte, 65536+places*placeBytes)
	x := uint32(2463534242)
	for i := range n {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		n[i] = byte(x >> 11)
	}
	return n, append([]byte(nil), n...)
}()

func place(k uint64) int { return int(k%places) * placeBytes }

func sizeOf(k uint64, size int) int {
	if size == 0 {
		x := uint32(k) * 2654435761
		size = 16 + int((x>>16)%(1<<(7+(x>>8)%8)))
	}
	if size > messageMax {
		size = messageMax
	}
	return size
}

// Lend message k to send; the table is as it was afterwards.
func lend(k uint64, size int, send func([]byte)) {
	at := place(k)
	binary.LittleEndian.PutUint64(table[at:], k)
	send(table[at : at+sizeOf(k, size)])
	copy(table[at:at+8], noise[at:at+8])
}

// The number of a message that is as it was sent; ends the program if it is not.
func check(m []byte, size int) uint64 {
	if len(m) >= 8 {
		k := binary.LittleEndian.Uint64(m)
		if at := place(k); len(m) == sizeOf(k, size) && bytes.Equal(m[8:], noise[at+8:at+len(m)]) {
			return k
		}
	}
	must(fmt.Errorf("a message came damaged"))
	return 0
}

func checkNext(m []byte, size int, next uint64) {
	if k := check(m, size); k != next {
		must(fmt.Errorf("message %d came for %d", k, next))
	}
}

// -------------------------------------------------------------------------------------------------

func cpuSeconds(who int) float64 {
	var u syscall.Rusage
	must(syscall.Getrusage(who, &u))
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func report(scenario string, cpuPct float64, fields string) {
	fmt.Fprintf(output, "{\"bench\":\"pion\",\"ver\":\"3\",\"scenario\":%q,\"procs\":2,\"cpu_pct\":%.1f,%s}\n",
		scenario, cpuPct, fields)
}

// -- Set-up ---------------------------------------------------------------------------------------

type task struct {
	seconds int
	size    int // 0: mixed
	mode    string
}

func setupCaller(other *pipe, _ task) {
	ms := make([]float64, setups)
	cpu, begin := 0.0, time.Now()
	for i := -warmSetups; i < setups; i++ {
		if i == 0 {
			cpu, begin = cpuSeconds(syscall.RUSAGE_SELF), time.Now()
		}
		other.hear()
		at := time.Now()
		p := newPeer()
		openChannel(p, other, "ordered-reliable")
		other.hear()
		if i >= 0 {
			ms[i] = float64(time.Since(at).Microseconds()) / 1000
		}
		other.tell("done")
		must(p.Close())
	}
	wall := time.Since(begin).Seconds()
	sort.Float64s(ms)
	report("setup", (cpuSeconds(syscall.RUSAGE_SELF)-cpu)/wall*100,
		fmt.Sprintf("\"n\":%d,\"median_ms\":%.3f,\"p95_ms\":%.3f", setups, ms[setups/2], ms[setups*95/100]))
}

func setupCallee(other *pipe, _ task) {
	for i := -warmSetups; i < setups; i++ {
		other.tell("ready")
		p := newPeer()
		acceptChannel(p, other)
		other.tell("open")
		other.hear()
		must(p.Close())
	}
}

// -- Latency --------------------------------------------------------------------------------------

func latencyCaller(other *pipe, _ task) {
	c := openChannel(newPeer(), other, "ordered-reliable")
	other.hear()
	us := make([]float64, pings)
	room := make([]byte, 128)
	cpu, begin := 0.0, time.Now()
	for i := -warmPings; i < pings; i++ {
		k := uint64(i + warmPings)
		at := time.Now()
		if i == 0 {
			cpu, begin = cpuSeconds(syscall.RUSAGE_SELF), at
		}
		lend(k, 64, func(m []byte) {
			_, err := c.raw.Write(m)
			must(err)
		})
		n, err := c.raw.Read(room)
		must(err)
		checkNext(room[:n], 64, k)
		if i >= 0 {
			us[i] = float64(time.Since(at).Nanoseconds()) / 1000
		}
	}
	wall := time.Since(begin).Seconds()
	sort.Float64s(us)
	report("latency", (cpuSeconds(syscall.RUSAGE_SELF)-cpu)/wall*100,
		fmt.Sprintf("\"p50_us\":%.1f,\"p99_us\":%.1f", us[pings/2], us[pings*99/100]))
	other.tell("over")
}

func latencyCallee(other *pipe, _ task) {
	c := acceptChannel(newPeer(), other)
	go func() {
		room := make([]byte, 128)
		for k := uint64(0); ; k++ {
			n, err := c.raw.Read(room)
			if err != nil {
				return
			}
			checkNext(room[:n], 64, k)
			_, err = c.raw.Write(room[:n])
			must(err)
		}
	}()
	other.tell("ready")
	other.hear()
}

// -- Throughput -----------------------------------------------------------------------------------

func throughputCaller(other *pipe, t task) {
	c := openChannel(newPeer(), other, t.mode)
	other.hear()
	low := make(chan bool, 1)
	c.SetBufferedAmountLowThreshold(buffered / 2)
	c.OnBufferedAmountLow(func() {
		select {
		case low <- true:
		default:
		}
	})
	k := uint64(0)
	keepFull := func(end time.Time) {
		for time.Now().Before(end) {
			lend(k, t.size, func(m []byte) {
				_, err := c.raw.Write(m)
				must(err)
			})
			k++
			for c.BufferedAmount() > buffered && time.Now().Before(end) {
				select {
				case <-low:
				case <-time.After(5 * time.Millisecond): // it is not always told
				}
			}
		}
	}
	keepFull(time.Now().Add(warm))
	other.tell("begin")
	cpu := cpuSeconds(syscall.RUSAGE_SELF)
	keepFull(time.Now().Add(time.Duration(t.seconds) * time.Second))
	cpuPct := (cpuSeconds(syscall.RUSAGE_SELF) - cpu) / float64(t.seconds) * 100
	other.tell("over")
	counted := strings.Fields(other.hear())
	theirs, err := strconv.ParseFloat(counted[2], 64)
	must(err)
	size := strconv.Itoa(t.size)
	if t.size == 0 {
		size = "\"mixed\""
	}
	report("throughput", cpuPct+theirs, fmt.Sprintf("\"mode\":%q,\"size\":%s,\"mbps\":%s,\"messages\":%s",
		t.mode, size, counted[0], counted[1]))
}

func throughputCallee(other *pipe, t task) {
	var total, messages uint64
	c := acceptChannel(newPeer(), other)
	go func() {
		room := make([]byte, 1<<17)
		for next := uint64(0); ; next++ {
			n, err := c.raw.Read(room)
			if err != nil {
				return
			}
			if t.mode == "ordered-reliable" {
				checkNext(room[:n], t.size, next)
			} else {
				check(room[:n], t.size)
			}
			atomic.AddUint64(&total, uint64(n))
			atomic.AddUint64(&messages, 1)
		}
	}()
	other.tell("ready")
	other.hear()
	begin, cpu := time.Now(), cpuSeconds(syscall.RUSAGE_SELF)
	total0, messages0 := atomic.LoadUint64(&total), atomic.LoadUint64(&messages)
	other.hear()
	seconds := time.Since(begin).Seconds()
	other.tell(fmt.Sprintf("%.1f %.0f %.1f", float64(atomic.LoadUint64(&total)-total0)*8/1e6/seconds,
		float64(atomic.LoadUint64(&messages)-messages0)/seconds,
		(cpuSeconds(syscall.RUSAGE_SELF)-cpu)/seconds*100))
}

// -- Media ----------------------------------------------------------------------------------------

func rtpCaller(other *pipe, t task) {
	p := newPeer()
	track, err := webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "bench")
	must(err)
	_, err = p.AddTrack(track)
	must(err)
	connected := make(chan bool, 1)
	p.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			connected <- true
		}
	})
	call(p, other)
	<-connected
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}}
	sent := uint64(0)
	flood := func(end time.Time) {
		for time.Now().Before(end) {
			for i := 0; i < 64; i++ {
				packet.SequenceNumber = uint16(sent)
				packet.Timestamp = uint32(sent / 8 * 90)
				lend(sent, t.size-rtpHeader, func(m []byte) {
					packet.Payload = m
					must(track.WriteRTP(packet))
				})
				sent++
			}
		}
	}
	flood(time.Now().Add(warm))
	time.Sleep(300 * time.Millisecond)
	other.tell("begin")
	cpu, begin, sent0 := cpuSeconds(syscall.RUSAGE_SELF), time.Now(), sent
	flood(begin.Add(time.Duration(t.seconds) * time.Second))
	wall := time.Since(begin).Seconds()
	cpuPct := (cpuSeconds(syscall.RUSAGE_SELF) - cpu) / wall * 100
	time.Sleep(300 * time.Millisecond)
	other.tell("over")
	counted := strings.Fields(other.hear())
	received, err := strconv.ParseFloat(counted[0], 64)
	must(err)
	theirs, err := strconv.ParseFloat(counted[1], 64)
	must(err)
	report("rtp", cpuPct+theirs, fmt.Sprintf("\"size\":%d,\"pps_received\":%.0f,\"lost_pct\":%.2f", t.size,
		received/wall, 100-received*100/float64(sent-sent0)))
}

func rtpCallee(other *pipe, t task) {
	var packets uint64
	p := newPeer()
	_, err := p.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo)
	must(err)
	p.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buffer := make([]byte, 1500)
		for {
			n, _, err := remote.Read(buffer)
			if err != nil {
				return
			}
			check(buffer[rtpHeader:n], t.size-rtpHeader)
			atomic.AddUint64(&packets, 1)
		}
	})
	answer(p, other)
	other.hear()
	begin, cpu, packets0 := time.Now(), cpuSeconds(syscall.RUSAGE_SELF), atomic.LoadUint64(&packets)
	other.hear()
	seconds := time.Since(begin).Seconds()
	other.tell(fmt.Sprintf("%d %.1f", atomic.LoadUint64(&packets)-packets0,
		(cpuSeconds(syscall.RUSAGE_SELF)-cpu)/seconds*100))
}

// -------------------------------------------------------------------------------------------------

func main() {
	callers := map[string]func(*pipe, task){"setup": setupCaller, "latency": latencyCaller,
		"throughput": throughputCaller, "rtp": rtpCaller}
	callees := map[string]func(*pipe, task){"setup": setupCallee, "latency": latencyCallee,
		"throughput": throughputCallee, "rtp": rtpCallee}
	wanted := map[string]int{"setup": 1, "latency": 1, "throughput": 4, "rtp": 3}
	debug.SetGCPercent(400)
	args := os.Args[1:]
	if isCallee {
		args = args[:len(args)-1]
	}
	if len(args) == 0 || wanted[args[0]] != len(args) {
		fmt.Fprintln(os.Stderr, "usage: pion setup | latency | throughput SECONDS SIZE|mixed MODE | rtp SECONDS SIZE")
		os.Exit(2)
	}
	var t task
	if len(args) > 2 {
		var err error
		t.seconds, err = strconv.Atoi(args[1])
		must(err)
		if args[2] != "mixed" {
			t.size, err = strconv.Atoi(args[2])
			must(err)
		}
	}
	if len(args) > 3 {
		t.mode = args[3]
	}
	if ms, err := strconv.Atoi(os.Getenv("WEIR_BENCH_WARM")); err == nil {
		warm = time.Duration(ms) * time.Millisecond
	}
	if isCallee {
		callees[args[0]](&pipe{bufio.NewReader(os.Stdin), output}, t)
		return
	}
	command := append([]string{os.Args[0]}, append(args, "callee")...)
	if far := os.Getenv("WEIR_BENCH_FAR_NET"); far != "" {
		command = append([]string{"nsenter", "--net=" + far}, command...)
	}
	child := exec.Command(command[0], command[1:]...)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	must(err)
	out, err := child.StdoutPipe()
	must(err)
	must(child.Start())
	callers[args[0]](&pipe{bufio.NewReader(out), in}, t)
	must(in.Close())
	_ = child.Wait()
}
