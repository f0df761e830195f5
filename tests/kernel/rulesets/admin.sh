#!/bin/sh
# An administrator's own: a list of commands that grew over the years, for a router with an office behind eth1. Both families.

iptables -F
iptables -t nat -F
iptables -t mangle -F
iptables -X
iptables -P INPUT DROP
iptables -P FORWARD DROP
iptables -P OUTPUT ACCEPT
iptables -N bad
iptables -N scans
iptables -N office
iptables -N log_drop

# addresses nobody has outside
iptables -A bad -s 10.0.0.0/8,172.16.0.0/12,192.168.0.0/16 -j log_drop
iptables -A bad -s 127.0.0.0/8 -j DROP
iptables -A bad -p tcp ! --syn -m state --state NEW -j log_drop
iptables -A bad -f -j DROP
iptables -A bad -m conntrack --ctstate INVALID -j DROP
iptables -A log_drop -m limit --limit 5/min --limit-burst 7 -j LOG --log-prefix "dropped: " --log-level debug --log-tcp-options --log-ip-options
iptables -A log_drop -j DROP

# who scans is shut out for a while
iptables -A scans -m recent --name scanners --update --seconds 60 -j DROP
iptables -A scans -p tcp --tcp-flags ALL NONE -m recent --name scanners --set -j DROP
iptables -A scans -p tcp --tcp-flags ALL FIN,PSH,URG -m recent --name scanners --set -j DROP
iptables -A scans -p tcp -m multiport --dports 23,135,139,445,3389 -m recent --name scanners --set -j log_drop

iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -i eth0 -j bad
iptables -A INPUT -i eth0 -j scans
iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -p icmp --icmp-type echo-request -m limit --limit 10/second -j ACCEPT
iptables -A INPUT -p icmp --icmp-type echo-request -j DROP
iptables -A INPUT -p icmp -m icmp --icmp-type 3/4 -j ACCEPT
iptables -A INPUT -i eth1 -s 192.168.0.0/16 -j office
iptables -A INPUT -p tcp --dport 22 -m state --state NEW -m hashlimit --hashlimit-name ssh --hashlimit-upto 4/min --hashlimit-burst 4 --hashlimit-mode srcip --hashlimit-srcmask 24 -j ACCEPT
iptables -A INPUT -p tcp -m multiport --dports smtp,submission,imaps -m connlimit --connlimit-upto 3 --connlimit-mask 32 -j ACCEPT
iptables -A INPUT -p udp --dport 1194 -j ACCEPT -m comment --comment "the tunnel; \"tun0\""
iptables -A INPUT -i tun+ -j ACCEPT
iptables -A INPUT -p tcp --dport 113 -j REJECT --reject-with tcp-reset
iptables -A INPUT -m pkttype --pkt-type broadcast -j DROP
iptables -A INPUT -m addrtype --dst-type BROADCAST,MULTICAST -j DROP
iptables -A INPUT -j log_drop

iptables -A office -p tcp -m multiport --dports 22,53,80,443 -j ACCEPT
iptables -A office -p udp -m multiport --ports domain,ntp,67:68 -j ACCEPT
iptables -A office -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT
iptables -A office -m iprange --src-range 192.168.0.200-192.168.0.210 -p tcp --dport 9100 -j ACCEPT
iptables -A office -p tcp -j REJECT --reject-with tcp-reset
iptables -A office -j REJECT

iptables -A FORWARD -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A FORWARD -i eth0 -j bad
iptables -A FORWARD -i eth1 -o eth0 -m length --length 1400: -p udp -j DROP
iptables -A FORWARD -i eth1 -o eth0 -p tcp -m string --algo kmp --icase --string "x-forbidden" -j REJECT --reject-with tcp-reset
iptables -A FORWARD -i eth1 -o eth0 -p tcp --dport 25 ! -s 192.168.0.25 -j REJECT
iptables -A FORWARD -i eth1 -o eth0 -j ACCEPT
iptables -A FORWARD -i eth0 -o eth1 -p tcp -d 192.168.0.80 --dport 80 -m conntrack --ctstate DNAT -j ACCEPT
iptables -A FORWARD -i eth0 -o eth1 -p tcp -d 192.168.0.81 -m conntrack --ctstate NEW --ctorigdstport 8443 --ctproto tcp -j ACCEPT
iptables -I FORWARD 2 -m state --state INVALID -j DROP
iptables -A FORWARD -j log_drop

iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 80 -j DNAT --to-destination 192.168.0.80
iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8443 -j DNAT --to-destination 192.168.0.81:443
iptables -t nat -A PREROUTING -i eth1 -p udp --dport 53 ! -d 192.168.0.1 -j REDIRECT --to-ports 53
iptables -t nat -A POSTROUTING -o eth0 -s 192.168.0.0/24 -p tcp -j SNAT --to-source 203.0.113.1:10000-19999
iptables -t nat -A POSTROUTING -o eth0 -s 192.168.0.0/16 -j MASQUERADE
iptables -t nat -A OUTPUT -d 203.0.113.80 -p tcp --dport 80 -j DNAT --to 192.168.0.80

iptables -t mangle -A FORWARD -o eth0 -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400
iptables -t mangle -A PREROUTING -i eth1 -p tcp --dport 22 -j TOS --set-tos 0x10
iptables -t mangle -A PREROUTING -i eth1 -s 192.168.0.128/25 -j MARK --or-mark 0x2
iptables -t mangle -A POSTROUTING -o eth0 -m mark --mark 0x2/0x2 -j CLASSIFY --set-class 1:20
iptables -t mangle -A POSTROUTING -o eth0 -j TTL --ttl-set 64
iptables -t raw -A PREROUTING -p udp --dport 123 -d 203.0.113.1 -j NOTRACK
iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp

ip6tables -P INPUT DROP
ip6tables -P FORWARD DROP
ip6tables -N icmp
ip6tables -A icmp -p ipv6-icmp --icmpv6-type packet-too-big -j ACCEPT
ip6tables -A icmp -p ipv6-icmp --icmpv6-type time-exceeded -j ACCEPT
ip6tables -A icmp -p ipv6-icmp --icmpv6-type destination-unreachable -j ACCEPT
ip6tables -A icmp -p ipv6-icmp --icmpv6-type echo-request -m limit --limit 10/second -j ACCEPT
ip6tables -A icmp -p ipv6-icmp --icmpv6-type neighbour-solicitation -m hl --hl-eq 255 -j ACCEPT
ip6tables -A icmp -p ipv6-icmp --icmpv6-type neighbour-advertisement -m hl --hl-eq 255 -j ACCEPT
ip6tables -A INPUT -i lo -j ACCEPT
ip6tables -A INPUT -m rt --rt-type 0 -j DROP
ip6tables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
ip6tables -A INPUT -p ipv6-icmp -j icmp
ip6tables -A INPUT -m conntrack --ctstate INVALID -j DROP
ip6tables -A INPUT -p tcp -m multiport --dports 22,80,443 -j ACCEPT
ip6tables -A INPUT -s fe80::/10 -p udp --dport 546 -j ACCEPT
ip6tables -A INPUT -j REJECT --reject-with icmp6-adm-prohibited
ip6tables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
ip6tables -A FORWARD -i eth0 -p ipv6-icmp -j icmp
ip6tables -A FORWARD -i eth1 -o eth0 -s 2001:db8:2::/64 -j ACCEPT
ip6tables -A FORWARD -i eth0 -o eth1 -d 2001:db8:2::80 -p tcp --dport 443 -j ACCEPT
ip6tables -A FORWARD -m frag --fragmore -j DROP
ip6tables -A FORWARD -p tcp -j REJECT --reject-with tcp-reset
ip6tables -A FORWARD -j REJECT
