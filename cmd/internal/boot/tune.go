package boot

import (
	"errors"
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

// tune sets what makes a board's timing even, and tells people of what did not become so. What a board does not have is left
// out.
func (b *boot) tune() {
	for _, s := range sysctls {
		b.put(filepath.Join("/proc/sys", s.file), s.value)
	}
	// A processor that changes its frequency answers an interrupt now sooner, now later.
	for _, file := range b.glob("/sys/devices/system/cpu/cpufreq/policy*/scaling_governor") {
		if got, ok := b.put(file, "performance"); !ok {
			b.note("The processor goes on changing its frequency (governor %s): edges and answers come less evenly.", got)
		}
	}
	b.keepLinksAwake()
}

// keepLinksAwake switches off the power saving of PCI Express: on a Pi 5 header and Ethernet are behind it (RP1), and a link
// that sleeps delays every edge by its waking.
func (b *boot) keepLinksAwake() {
	const told = "The links of PCI Express may go on to sleep (%s): on a Pi 5 each edge is then late by a link's waking."
	policy, ok := b.put("/sys/module/pcie_aspm/parameters/policy", "performance")
	if !ok && len(b.glob("/sys/bus/pci/devices/*")) > 0 {
		b.note(told, "policy "+policy)
	}
	for _, state := range []string{"l0s_aspm", "l1_aspm"} {
		for _, file := range b.glob("/sys/bus/pci/devices/*/link/" + state) {
			if _, ok := b.put(file, "0"); !ok {
				b.note(told, state)
			}
		}
	}
}

// put writes a value to a file of the kernel's where there is one, and reads it back: ok says that it is so now, or that there
// is no such file. What it is instead is logged.
func (b *boot) put(file, value string) (got string, ok bool) {
	failed := write(b.path(file), value)
	text, err := os.ReadFile(b.path(file))
	if errors.Is(err, os.ErrNotExist) {
		b.log.Debug("not there", "file", file)
		return "", true
	}
	if err == nil {
		got = chosen(string(text))
	}
	if ok = got == value; !ok {
		b.log.Warn("not as it was set", "file", file, "value", value, "is", got, "error", errors.Join(failed, err))
	}
	return got, ok
}

// write writes to a file that is there.
func write(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// chosen returns what such a file says: of a list of words the one in brackets, else all of them.
func chosen(text string) string {
	words := strings.Fields(text)
	for _, word := range words {
		if inner, ok := strings.CutPrefix(word, "["); ok && strings.HasSuffix(inner, "]") {
			return strings.TrimSuffix(inner, "]")
		}
	}
	return strings.Join(words, " ")
}

// glob returns the files of the card that a pattern matches.
func (b *boot) glob(pattern string) []string {
	found, _ := filepath.Glob(b.path(pattern))
	for i, file := range found {
		found[i] = strings.TrimPrefix(file, strings.TrimSuffix(b.path("/"), "/"))
	}
	return found
}
