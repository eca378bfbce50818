package notify

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
)

// Config is the section [alarm]: who is told. What is watched for needs none.
type Config struct {
	// Syslog is a host that takes RFC 5424 messages: "udp://192.0.2.9:514" or "tcp://log.example.org:601"; "": none.
	Syslog string `toml:"syslog"`
	// Webhook is a URL that JSON is sent to by POST; "": none. It may hold a secret and is not shown.
	Webhook string `toml:"webhook"`
	// Language is that of the texts: "en" or "zh".
	Language string `toml:"language"`
}

// Default returns what an empty section means.
func Default() Config { return Config{Language: "en"} }

const maxURL = 1000 // bytes

// Validate returns what is wrong with c, naming the key.
func (c Config) Validate() error {
	var found []error
	if c.Syslog != "" {
		if err := checkSyslog(c.Syslog); err != nil {
			found = append(found, fmt.Errorf("config: alarm.syslog: %.80q: %w", c.Syslog, err))
		}
	}
	if c.Webhook != "" {
		if err := checkWebhook(c.Webhook); err != nil {
			found = append(found, fmt.Errorf("config: alarm.webhook: %w", err)) // not the address: it may hold a secret
		}
	}
	if c.Language != "en" && c.Language != "zh" {
		found = append(found, fmt.Errorf("config: alarm.language: %.20q: neither \"en\" nor \"zh\"", c.Language))
	}
	return errors.Join(found...)
}

func checkSyslog(text string) error {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || text != u.Scheme+"://"+u.Host {
		return errors.New("not like udp://192.0.2.9:514")
	}
	if u.Scheme != "udp" && u.Scheme != "tcp" {
		return errors.New("neither udp nor tcp")
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil || host == "" {
		return errors.New("no host with a port")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return errors.New("port out of range")
	}
	return nil
}

func checkWebhook(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL:
		return errors.New("not an address of the web")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("neither http nor https")
	case u.Hostname() == "" || u.Fragment != "":
		return errors.New("no host, or something behind #")
	}
	return nil
}
