// pion v3 doing what weir-bench does, one JSON object per line. Two processes with one peer connection
// each; descriptions and counts pass over the standard streams of the second one.
//
//	pion setup|latency|throughput|rtp SECONDS
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

const (
	setups      = 30
	rounds      = 4000
	messageSize = 65535 // its receiver reads into 65,535 bytes and stops at one more
	rtpPayload  = 1188
	socketBytes = 4 << 20
	buffered    = 256 << 10 // where it is fastest: with more it loses packets to its own bursts
)

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

// One socket for all peers of this process, with as much room as weir's takes.
var mux = func() ice.UDPMux {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
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
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	m := &webrtc.MediaEngine{}
	must(m.RegisterDefaultCodecs())
	p, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m)).
		NewPeerConnection(webrtc.Configuration{})
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

// An open channel of the caller.
func openChannel(p *webrtc.PeerConnection, other *pipe) *webrtc.DataChannel {
	c, err := p.CreateDataChannel("bench", nil)
	must(err)
	open := make(chan bool, 1)
	c.OnOpen(func() { open <- true })
	call(p, other)
	<-open
	return c
}

func cpuSeconds(who int) float64 {
	var u syscall.Rusage
	must(syscall.Getrusage(who, &u))
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func report(scenario string, cpuPct float64, fields string) {
	fmt.Printf("{\"bench\":\"pion\",\"ver\":\"3\",\"scenario\":%q,\"procs\":2,\"cpu_pct\":%.1f,%s}\n",
		scenario, cpuPct, fields)
}

// -- Set-up ---------------------------------------------------------------------------------------

func setupCaller(other *pipe, _ int) {
	ms := make([]float64, setups)
	cpu, begin := cpuSeconds(syscall.RUSAGE_SELF), time.Now()
	for i := range ms {
		other.hear()
		at := time.Now()
		p := newPeer()
		openChannel(p, other)
		other.hear()
		ms[i] = float64(time.Since(at).Microseconds()) / 1000
		other.tell("done")
		must(p.Close())
	}
	wall := time.Since(begin).Seconds()
	sort.Float64s(ms)
	report("setup", (cpuSeconds(syscall.RUSAGE_SELF)-cpu)/wall*100,
		fmt.Sprintf("\"n\":%d,\"median_ms\":%.3f,\"p95_ms\":%.3f", setups, ms[setups/2], ms[setups*95/100]))
}

func setupCallee(other *pipe) {
	for i := 0; i < setups; i++ {
		other.tell("ready")
		p := newPeer()
		open := make(chan bool, 1)
		p.OnDataChannel(func(c *webrtc.DataChannel) { c.OnOpen(func() { open <- true }) })
		answer(p, other)
		<-open
		other.tell("open")
		other.hear()
		must(p.Close())
	}
}

// -- Latency --------------------------------------------------------------------------------------

func latencyCaller(other *pipe, _ int) {
	c := openChannel(newPeer(), other)
	pong := make(chan bool, 1)
	c.OnMessage(func(webrtc.DataChannelMessage) { pong <- true })
	other.hear()
	us := make([]float64, rounds)
	message := make([]byte, 64)
	cpu, begin := cpuSeconds(syscall.RUSAGE_SELF), time.Now()
	for i := range us {
		at := time.Now()
		must(c.Send(message))
		<-pong
		us[i] = float64(time.Since(at).Nanoseconds()) / 1000
	}
	wall := time.Since(begin).Seconds()
	sort.Float64s(us)
	report("latency", (cpuSeconds(syscall.RUSAGE_SELF)-cpu)/wall*100,
		fmt.Sprintf("\"p50_us\":%.1f,\"p99_us\":%.1f", us[rounds/2], us[rounds*99/100]))
	other.tell("over")
}

func latencyCallee(other *pipe) {
	p := newPeer()
	p.OnDataChannel(func(c *webrtc.DataChannel) {
		c.OnMessage(func(m webrtc.DataChannelMessage) { must(c.Send(m.Data)) })
		c.OnOpen(func() { other.tell("ready") })
	})
	answer(p, other)
	other.hear()
}

// -- Throughput -----------------------------------------------------------------------------------

func throughputCaller(other *pipe, seconds int) {
	c := openChannel(newPeer(), other)
	low := make(chan bool, 1)
	c.SetBufferedAmountLowThreshold(buffered / 2)
	c.OnBufferedAmountLow(func() {
		select {
		case low <- true:
		default:
		}
	})
	message := make([]byte, messageSize)
	cpu, end := cpuSeconds(syscall.RUSAGE_SELF), time.Now().Add(time.Duration(seconds)*time.Second)
	for time.Now().Before(end) {
		must(c.Send(message))
		for c.BufferedAmount() > buffered {
			select {
			case <-low:
			case <-time.After(5 * time.Millisecond): // it is not always told
			}
		}
	}
	cpuPct := (cpuSeconds(syscall.RUSAGE_SELF) - cpu) / float64(seconds) * 100
	other.tell("over")
	counted := strings.Fields(other.hear())
	theirs, err := strconv.ParseFloat(counted[1], 64)
	must(err)
	report("throughput", cpuPct+theirs,
		fmt.Sprintf("\"mode\":\"ordered-reliable\",\"size\":%d,\"mbps\":%s", messageSize, counted[0]))
}

func throughputCallee(other *pipe) {
	var bytes uint64
	p := newPeer()
	begin, cpu := time.Now(), 0.0
	p.OnDataChannel(func(c *webrtc.DataChannel) {
		c.OnOpen(func() { begin, cpu = time.Now(), cpuSeconds(syscall.RUSAGE_SELF) })
		c.OnMessage(func(m webrtc.DataChannelMessage) { atomic.AddUint64(&bytes, uint64(len(m.Data))) })
	})
	answer(p, other)
	other.hear()
	seconds := time.Since(begin).Seconds()
	other.tell(fmt.Sprintf("%.1f %.1f", float64(atomic.LoadUint64(&bytes))*8/1e6/seconds,
		(cpuSeconds(syscall.RUSAGE_SELF)-cpu)/seconds*100))
}

// -- Media ----------------------------------------------------------------------------------------

func rtpCaller(other *pipe, seconds int) {
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
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, rtpPayload)}
	sent := 0
	cpu, begin := cpuSeconds(syscall.RUSAGE_SELF), time.Now()
	end := begin.Add(time.Duration(seconds) * time.Second)
	for time.Now().Before(end) {
		for i := 0; i < 64; i++ {
			packet.SequenceNumber = uint16(sent)
			packet.Timestamp = uint32(sent / 8 * 90)
			must(track.WriteRTP(packet))
			sent++
		}
	}
	wall := time.Since(begin).Seconds()
	cpuPct := (cpuSeconds(syscall.RUSAGE_SELF) - cpu) / wall * 100
	time.Sleep(300 * time.Millisecond)
	other.tell("over")
	counted := strings.Fields(other.hear())
	received, err := strconv.ParseFloat(counted[0], 64)
	must(err)
	theirs, err := strconv.ParseFloat(counted[1], 64)
	must(err)
	report("rtp", cpuPct+theirs, fmt.Sprintf("\"pps_received\":%.0f,\"lost_pct\":%.2f", received/wall,
		100-received*100/float64(sent)))
}

func rtpCallee(other *pipe) {
	var packets uint64
	p := newPeer()
	_, err := p.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo)
	must(err)
	p.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buffer := make([]byte, 1500)
		for {
			if _, _, err := t.Read(buffer); err != nil {
				return
			}
			atomic.AddUint64(&packets, 1)
		}
	})
	answer(p, other)
	begin, cpu := time.Now(), cpuSeconds(syscall.RUSAGE_SELF)
	other.hear()
	seconds := time.Since(begin).Seconds()
	other.tell(fmt.Sprintf("%d %.1f", atomic.LoadUint64(&packets),
		(cpuSeconds(syscall.RUSAGE_SELF)-cpu)/seconds*100))
}

// -------------------------------------------------------------------------------------------------

func main() {
	callers := map[string]func(*pipe, int){"setup": setupCaller, "latency": latencyCaller,
		"throughput": throughputCaller, "rtp": rtpCaller}
	callees := map[string]func(*pipe){"setup": setupCallee, "latency": latencyCallee,
		"throughput": throughputCallee, "rtp": rtpCallee}
	if len(os.Args) != 3 || callers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: pion setup|latency|throughput|rtp SECONDS")
		os.Exit(2)
	}
	if os.Args[2] == "callee" {
		callees[os.Args[1]](&pipe{bufio.NewReader(os.Stdin), os.Stdout})
		return
	}
	seconds, err := strconv.Atoi(os.Args[2])
	must(err)
	child := exec.Command(os.Args[0], os.Args[1], "callee")
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	must(err)
	out, err := child.StdoutPipe()
	must(err)
	must(child.Start())
	callers[os.Args[1]](&pipe{bufio.NewReader(out), in}, seconds)
	must(in.Close())
	_ = child.Wait()
}
