package words

// sections are all parts of the catalogue; who adds one adds it here.
var sections = []section{
	common,
	verdictWords,
	pageWords,
	alarmWords,
	doorWords,
	settingWords,
}

// common is what every page needs.
var common = section{
	"list.comma":     {", ", "，"},
	"list.semicolon": {"; ", "；"},
	"list.stop":      {".", "。"},
	"list.and":       {" and ", "和"},
	"yes":            {"yes", "是"},
	"no":             {"no", "否"},
}

// verdictWords is the sentence a unit says of itself: verdict first, then number, then reason.
var verdictWords = section{
	"verdict.locked":         {"Locked", "已锁定"},
	"verdict.holdover":       {"Holdover", "守时"},
	"verdict.acquiring":      {"Acquiring", "正在捕获"},
	"verdict.quarantine":     {"Quarantine", "已隔离"},
	"verdict.unsynchronised": {"Unsynchronised", "未同步"},

	"verdict.good":      {"Time is good:", "时间可信："},
	"verdict.alarmed":   {"Time is good, with an alarm:", "时间可信，但有告警："},
	"verdict.narrow":    {"Time is good, but narrow:", "时间可信，但余量小："},
	"verdict.still":     {"Time is still good:", "时间仍可信："},
	"verdict.not-ready": {"Not ready yet:", "尚未就绪："},
	"verdict.no-time":   {"No time:", "无可信时间："},
	"verdict.refuse":    {"Do not use this unit:", "请勿使用本机："},

	"verdict.bound":              {"error at most {bound}", "误差不超过 {bound}"},
	"verdict.bound-growing":      {"error at most {bound} and growing", "误差不超过 {bound}并在增大"},
	"verdict.satellites":         {"{n}\u00a0satellites", "{n}\u00a0颗卫星"},
	"verdict.satellites.one":     {"{n}\u00a0satellite", "{n}\u00a0颗卫星"},
	"verdict.satellites-use":     {"{n}\u00a0satellites in use", "使用 {n}\u00a0颗卫星"},
	"verdict.satellites-use.one": {"{n}\u00a0satellite in use", "使用 {n}\u00a0颗卫星"},
	"verdict.locked-for":         {"locked for {span}", "已锁定 {span}"},
	"verdict.holdover-for":       {"in holdover for {span}", "守时已 {span}"},
	"verdict.settling":           {"the clock is settling on the pulse", "时钟正在对准秒脉冲"},
	"verdict.settling-for":       {"the clock has been settling on the pulse for {span}", "时钟对准秒脉冲已 {span}"},
	"verdict.sky-blocked":        {"is the sky view blocked?", "天线是否被遮挡？"},
	"verdict.antenna-gone":       {"the antenna has been gone for {span}", "天线已断开 {span}"},
	"verdict.antenna-short":      {"the antenna has been shorted for {span}", "天线已短路 {span}"},
	"verdict.no-pulse-used":      {"no pulse is used", "未使用任何秒脉冲"},
	"verdict.evidence":           {"it has evidence that its time is wrong, so it has stopped serving", "有证据表明本机时间有误，已停止授时"},
	"verdict.stopped":            {"{reason}, so it has stopped serving", "{reason}，本机已停止授时"},
	"verdict.no-pulse":           {"this unit has no pulse that it can give a time", "没有可以标定时刻的秒脉冲"},
	"verdict.no-bound":           {"there is no bound on its error", "误差没有上限"},
	"verdict.not-serving":        {"this unit tells its clients that it is not synchronised", "本机告知客户端自身未同步"},
	"verdict.leap-insert":        {"a leap second comes in {span}, at {utc} UTC", "{span}后闰秒，协调世界时 {utc}"},
	"verdict.leap-delete":        {"a second is left out in {span}, after {utc} UTC", "{span}后跳过一秒，协调世界时 {utc} 之后"},
	"verdict.leap-insert-today":  {"a leap second comes at the end of this UTC day", "本日（协调世界时）结束时闰秒"},
	"verdict.leap-delete-today":  {"a second is left out at the end of this UTC day", "本日（协调世界时）结束时跳过一秒"},
}
