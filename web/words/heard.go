package words

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// phrase is a sentence of the computing packages, or a clause of one; a {Name} with a capital is itself such a sentence.
type phrase struct{ en, zh string }

// phrases are written as the packages say them. What is only ever logged is not here.
var phrases = []phrase{
	// The loop.
	{"the first pulses are being compared", "正在比较最初的秒脉冲"},
	{"the loop settles", "环路正在稳定"},
	{"pulses do not agree with one another", "各秒脉冲互不一致"},
	{"no pulse", "没有秒脉冲"},
	{"the pulse is far from the prediction", "秒脉冲与预测相差很大"},
	{"holdover has reached the limit of {x} s", "守时误差已达 {x} 秒上限"},
	{"another program moved the clock by {x} s", "另一程序将时钟移动了 {x} 秒"},
	{"the machine was suspended for {x} s", "机器曾休眠 {x} 秒"},
	{"the pulse has moved by {x} s; this unit alone cannot tell when it was right", "秒脉冲移动了 {x} 秒，仅凭本机无法判断何时正确"},
	{"the pulse has drifted by {x} s from what this crystal has ever done", "秒脉冲漂移了 {x} 秒，超出本晶振以往的任何变化"},
	// The engine.
	{"the receiver or a witness has corrected the second", "接收机或旁证时钟纠正了秒数"},
	{"the receiver names another second than this unit has counted", "接收机给出的秒与本机所计的秒不同"},
	{"the receiver's messages have stopped; seconds are counted by the pulse", "接收机报文已中断，按秒脉冲计秒"},
	{"the receiver has no fix", "接收机未定位"},
	{"the receiver has no fix yet", "接收机尚未定位"},
	{"the receiver's messages do not tell the second: {Why}", "接收机报文无法确定秒：{Why}"},
	{"{Line}, but nothing about a fix; {Pulse}", "{Line}，但没有定位信息；{Pulse}"},
	{"{Line} with a fix, but {Pulse}", "{Line}，已定位，但{Pulse}"},
	{"neither messages nor pulses from the receiver", "接收机既无报文也无秒脉冲"},
	{"pulses come, but no message says which second they are", "有秒脉冲，但没有报文说明是哪一秒"},
	{"the receiver has a fix, but no pulse comes", "接收机已定位，但没有秒脉冲"},
	{"waiting for messages that agree on the second", "正在等待各报文对秒取得一致"},
	{"no pulse comes", "没有秒脉冲"},
	{"no pulse on {x}", "{x} 上没有秒脉冲"},
	{"the receiver's date, {x}, can't be true, and no witness tells which date it is", "接收机日期 {x} 不可能正确，也没有旁证能说明日期"},
	{"the receiver's dates are {n} weeks early and are repaired", "接收机日期早了 {n} 周，已修正"},
	{"the receiver's dates are {n} weeks late and are repaired", "接收机日期晚了 {n} 周，已修正"},
	{"the receiver counts other leap seconds than the list", "接收机的闰秒数与闰秒表不同"},
	{"the receiver may not know the leap seconds yet: {x} min of tracking to go", "接收机可能尚不知道闰秒数：还需跟踪 {x} 分钟"},
	{"no list tells whether there is a leap second before {x}: the receiver will be asked", "没有闰秒表说明 {x} 之前是否闰秒，将询问接收机"},
	{"a leap second before {x} has one witness only: the receiver will be asked", "{x} 之前闰秒仅有一个旁证，将询问接收机"},
	{"a second left out before {x} has one witness only: the receiver will be asked", "{x} 之前跳过一秒仅有一个旁证，将询问接收机"},
	{"a leap second before {x}: two witnesses are needed and there is one", "{x} 之前闰秒：需要两个旁证，现有一个"},
	{"a second left out before {x}: two witnesses are needed and there is one", "{x} 之前跳过一秒：需要两个旁证，现有一个"},
	{"a leap second before {x} was made", "{x} 之前的闰秒已完成"},
	{"a second left out before {x} was made", "{x} 之前已跳过一秒"},
	{"a leap second before {x}", "{x} 之前闰秒"},
	{"a second left out before {x}", "{x} 之前跳过一秒"},
	{"the bound is above the limit of what may be served", "误差上限超过允许授时的限度"},
	// Why no message names a pulse.
	{"no message has named a second yet", "尚无报文给出秒"},
	{"edge between two seconds", "脉冲落在两秒之间"},
	{"message without a fix", "报文无定位"},
	{"message names a fraction of a second", "报文给出的不是整秒"},
	{"message names second 60", "报文给出第 60 秒"},
	{"no edge before the message", "报文之前没有脉冲"},
	{"delay too close to a pulse", "报文延迟太接近秒脉冲"},
	{"delay has moved", "报文延迟发生了变化"},
	{"messages take too long at this baud rate", "此波特率下报文过长"},
	{"message disagrees with the count", "报文与计秒不符"},
	{"messages name different seconds", "各报文给出的秒不同"},
	{"witness disagrees with the message", "旁证与报文不符"},
	{"too many kinds of messages", "报文种类过多"},
	// What the answer to a client doubts.
	{"no reference", "没有参考"},
	{"not synchronised", "未同步"},
	{"reference expired", "参考已过期"},
	{"clock era changed", "时钟纪元已变"},
	{"clock stepped by something else", "时钟被其他程序调整"},
	{"machine was suspended", "机器曾休眠"},
	{"leap second", "闰秒"},
	{"too uncertain", "误差过大"},
	// The serial line.
	{"looking for the receiver", "正在寻找接收机"},
	{"this machine has no serial line for a receiver", "本机没有可接接收机的串口"},
	{"bytes arrive on {x}, but make no sense at any baud rate", "{x} 有数据，但在任何波特率下均无法识别"},
	{"bytes arrive on {x}, but make no sense", "{x} 有数据，但无法识别"},
	{"nothing arrives on {x}", "{x} 没有数据"},
	{"what is sent to {x} comes back: a console, or a wire from its output to its input", "发往 {x} 的数据被原样返回：可能是控制台，或输出与输入短接"},
	{"what arrives on {x} makes no sense any more", "{x} 的数据不再能识别"},
	{"the receiver on {x} has gone silent", "{x} 上的接收机不再发送"},
	{"and {n} more", "另有 {n} 处"},
	{"{x} at {n} baud", "{x}，{n} 波特"},
	// Conditions.
	{"the receiver reports a fix with no satellite in use", "接收机报告已定位，但未使用任何卫星"},
	{"the receiver reports a fix and receives no satellite", "接收机报告已定位，但未收到任何卫星"},
	{"{n} satellites in use: none is left to check the others", "仅使用 {n} 颗卫星，没有多余卫星可供校验"},
	{"the receiver finds no antenna: it draws no current", "接收机未检测到天线：天线无电流"},
	{"the receiver finds a short circuit in the antenna or its cable", "接收机检测到天线或馈线短路"},
	{"the receiver hears jamming", "接收机检测到干扰"},
	{"the receiver hears jamming that leaves it no fix", "接收机检测到干扰，已无法定位"},
	{"the receiver hears a continuous jammer, {n} % of its scale", "接收机检测到持续干扰，为量程的 {n} %"},
	{"signals are {n} dB weaker than before", "信号比此前弱 {n} dB"},
	{"the receiver finds that signals are forged", "接收机判定信号系伪造"},
	{"the receiver finds signs of forged signals", "接收机发现信号疑似伪造"},
	{"the receiver says that its antenna has moved by {x} km", "接收机称天线移动了 {x} 千米"},
	{"the receiver says that its antenna has moved by {x} m", "接收机称天线移动了 {x} 米"},
	{"the times of {a} and {b} differ by {x} us", "{a} 与 {b} 的时间相差 {x} 微秒"},
	{"the times of {a} and {b} differ by {x} s", "{a} 与 {b} 的时间相差 {x} 秒"},
	{"{n} of {all} satellites have become {x} dB weaker at once", "{all} 颗卫星中有 {n} 颗同时减弱 {x} dB"},
	{
		"{n} satellites over {a} degrees of elevation are equally strong, {x} dB-Hz to {y} dB, as from a simulator",
		"仰角跨 {a} 度的 {n} 颗卫星强度相同，为 {x} dB-Hz，相差 {y} dB，像是来自信号模拟器",
	},
	// Witnesses.
	{"no answer", "无应答"},
	{"its second does not change", "其秒数不变"},
	{"not asked", "未询问"},
	{"does not want to be asked", "不愿被询问"},
	{"wants to be asked less often (kiss code RATE)", "要求降低询问频率（RATE）"},
	{"it is not synchronised", "它未同步"},
	{"that is this unit itself", "那就是本机"},
	{"it follows this unit", "它跟随本机"},
	// What process 1 of the card has found.
	{
		"The card cannot be written: settings are read from it, and what changes from now on is lost at the next start. Replace the card.",
		"存储卡无法写入：设置从卡上读取，此后的更改在下次启动时丢失。请更换存储卡。",
	},
	{
		"The card's partition for settings is full: what changes from now on is lost at the next start. The file factory-reset on the boot partition empties it.",
		"存储卡的设置分区已满：此后的更改在下次启动时丢失。在启动分区放置 factory-reset 文件可将其清空。",
	},
	{
		"The card has no partition for settings: the unit runs from RAM, and what changes from now on is lost at the next start. Write the image anew.",
		"存储卡没有设置分区：本机在内存中运行，此后的更改在下次启动时丢失。请重新写入镜像。",
	},
	{
		"The card's partition for settings is damaged: the unit runs from RAM, and what changes from now on is lost at the next start. " +
			"The file factory-reset on the boot partition makes it new, if the card is still good.",
		"存储卡的设置分区已损坏：本机在内存中运行，此后的更改在下次启动时丢失。若存储卡仍完好，在启动分区放置 factory-reset 文件可重建该分区。",
	},
	{
		"The card can no longer be written: what changes from now on is lost at the next start. Replace the card.",
		"存储卡已无法写入：此后的更改在下次启动时丢失。请更换存储卡。",
	},
	{
		"The card's partition for settings is nearly full: what changes from now on may be lost at the next start.",
		"存储卡的设置分区将满：此后的更改在下次启动时可能丢失。",
	},
	{"The card's partition for settings has reported damage: replace the card soon.", "存储卡的设置分区报告损坏：请尽快更换存储卡。"},
	{
		"The processor goes on changing its frequency (governor {x}): edges and answers come less evenly.",
		"处理器仍在变频（调速器 {x}）：脉冲沿与应答的时延不够均匀。",
	},
	{
		"The links of PCI Express may go on to sleep ({x}): on a Pi 5 each edge is then late by a link's waking.",
		"PCI Express 链路仍可能休眠（{x}）：在 Pi 5 上，每个脉冲沿会因链路唤醒而延迟。",
	},
	{"The card's boot partition cannot be read: files put there are not seen.", "无法读取存储卡的启动分区：放在其中的文件不会生效。"},
	{
		"{x} on the boot partition is not used: the unit has had its own since its first start. The file factory-reset there lets it be taken.",
		"启动分区中的 {x} 未被采用：本机自首次启动起已有自己的设置。在启动分区放置 factory-reset 文件可使其被采用。",
	},
	{"{x} on the boot partition is not used, the default is: {Why}", "启动分区中的 {x} 未被采用，使用默认设置：{Why}"},
	{"{x} on the boot partition is not used, DHCP is: {Why}", "启动分区中的 {x} 未被采用，使用 DHCP：{Why}"},
	{"The unit's configuration is not used, the default is: {Why}", "本机的配置未被采用，使用默认设置：{Why}"},
	{"The unit's network settings are not used, DHCP is: {Why}", "本机的网络设置未被采用，使用 DHCP：{Why}"},
	{
		"{x} on the boot partition has been followed and could not be removed. It is not followed again.",
		"启动分区中的 {x} 已执行，但无法删除，不会再次执行。",
	},
	{
		"{x} on the boot partition has been followed and can be neither removed nor remembered: remove it.",
		"启动分区中的 {x} 已执行，但既无法删除也无法记录，请将其删除。",
	},
}

// known is a phrase ready to be recognised.
type known struct {
	phrase
	names   []string
	pattern *regexp.Regexp
}

var gap = regexp.MustCompile(`\{(\w+)\}`)

// knownPhrases returns them with those with the most fixed text first: "no pulse on {x}" is not "{Line}, but ...". They take
// 7 MB and 50 ms to make, which a process that says nothing in Chinese is spared.
var knownPhrases = sync.OnceValue(func() []known {
	var all []known
	for _, p := range phrases {
		k := known{phrase: p}
		pattern, at := "^", 0
		for _, m := range gap.FindAllStringSubmatchIndex(p.en, -1) {
			name := p.en[m[2]:m[3]]
			some := "([^;]{1,80}?)"
			if sentence(name) {
				some = "(.{1,300}?)"
			}
			pattern += regexp.QuoteMeta(p.en[at:m[0]]) + some
			k.names, at = append(k.names, name), m[1]
		}
		k.pattern = regexp.MustCompile(pattern + regexp.QuoteMeta(p.en[at:]) + "$")
		all = append(all, k)
	}
	slices.SortStableFunc(all, func(a, b known) int { return fixed(b.en) - fixed(a.en) })
	return all
})

// fixed returns the length of what is not filled in.
func fixed(en string) int { return len(gap.ReplaceAllString(en, "")) }

// sentence reports whether what stands at name is a sentence itself.
func sentence(name string) bool { return name[0] >= 'A' && name[0] <= 'Z' }

// depth is how many sentences may be within one another.
const depth = 3

// maxHeard is the length in bytes from which a text is no sentence of ours.
const maxHeard = 600

// Heard says again, in this language, what a computing package has said in English. What it does not know it leaves as
// it is.
func (w Words) Heard(text string) string {
	if w.Lang() == English || len(text) > maxHeard {
		return text
	}
	return heard(text, depth)
}

func heard(text string, depth int) string {
	if depth == 0 {
		return text
	}
	if zh, ok := recognise(text, depth); ok {
		return zh
	}
	clauses := strings.Split(text, "; ")
	if len(clauses) == 1 {
		return text
	}
	for i, c := range clauses {
		if zh, ok := recognise(c, depth); ok {
			clauses[i] = zh
		}
	}
	return strings.Join(clauses, "；")
}

// recognise finds the phrase a text is.
func recognise(text string, depth int) (string, bool) {
	for _, k := range knownPhrases() {
		found := k.pattern.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		var with []string
		for i, name := range k.names {
			said := found[i+1]
			if sentence(name) {
				said = heard(said, depth-1)
			}
			with = append(with, name, said)
		}
		return fill(k.zh, with), true
	}
	return "", false
}
