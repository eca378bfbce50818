package boot

import (
	"os"
	"path/filepath"
	"strings"
)

// setting is a file of the kernel's and what it gets.
type setting struct{ file, value string }

// sysctls are the kernel's settings: what the NTP server needs, what a machine that is nobody's router leaves out, and that
// a kernel in trouble starts again rather than stand still.
var sysctls = []setting{
	{"net/core/rmem_max", "8388608"},        // server.receive_buffer_bytes
	{"net/core/netdev_max_backlog", "4096"}, // a burst of requests before the NTP server has its turn
	{"kernel/printk", "4 4 1 4"},            // the console is for people
	{"kernel/panic", "10"},
	{"kernel/panic_on_oops", "1"},
	{"kernel/sysrq", "0"},
	{"kernel/kptr_restrict", "2"},
	{"kernel/dmesg_restrict", "1"},
	{"kernel/unprivileged_bpf_disabled", "1"},
	{"fs/protected_symlinks", "1"},
	{"fs/protected_hardlinks", "1"},
	{"vm/panic_on_oom", "0"},
	{"net/ipv4/conf/all/accept_redirects", "0"},
	{"net/ipv4/conf/default/accept_redirects", "0"},
	{"net/ipv4/conf/all/send_redirects", "0"},
	{"net/ipv4/conf/all/accept_source_route", "0"},
	{"net/ipv6/conf/all/accept_redirects", "0"},
	{"net/ipv6/conf/default/accept_redirects", "0"},
	{"net/ipv6/conf/default/use_tempaddr", "0"}, // a server's address is to be found again
}

// tune sets what makes a board's timing even. What a board does not have is left out.
func (b *boot) tune() {
	for _, s := range sysctls {
		b.put(filepath.Join("/proc/sys", s.file), s.value)
	}
	// A processor that changes its frequency answers an interrupt now sooner, now later.
	for _, file := range b.glob("/sys/devices/system/cpu/cpufreq/policy*/scaling_governor") {
		b.put(file, "performance")
	}
	// On a Pi 5 header and Ethernet are behind PCI Express (RP1): a link that sleeps delays every edge by its waking.
	b.put("/sys/module/pcie_aspm/parameters/policy", "performance")
	for _, state := range []string{"l0s_aspm", "l1_aspm"} {
		for _, file := range b.glob("/sys/bus/pci/devices/*/link/" + state) {
			b.put(file, "0")
		}
	}
}

// put writes a value to a file of the kernel's where there is one.
func (b *boot) put(file, value string) {
	f, err := os.OpenFile(b.path(file), os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(value)
		if errClose := f.Close(); err == nil {
			err = errClose
		}
	}
	if err != nil {
		b.log.Debug("not set", "file", file, "value", value, "error", err)
	}
}

// glob returns the files of the card that a pattern matches.
func (b *boot) glob(pattern string) []string {
	found, _ := filepath.Glob(b.path(pattern))
	for i, file := range found {
		found[i] = strings.TrimPrefix(file, strings.TrimSuffix(b.path("/"), "/"))
	}
	return found
}
