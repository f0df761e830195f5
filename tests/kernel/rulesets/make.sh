#!/usr/bin/env bash
# Makes again the rulesets in this folder that programs made. By hand, as root, where the programs are installed:
#
#   apt-get install --no-install-recommends shorewall shorewall6 ufw fail2ban firewalld ferm firehol dbus
#
# best in a container, or in an overlay over the machine's own files. Each program runs in a network namespace and with files of its
# own; nothing is left behind but *.rules (IPv4) and *.rules6 (IPv6) here. The others here are written by hand: see README.md.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
examples=/usr/share/doc

# --- what runs inside ---------------------------------------------------------------------------------------------------------------

network() {
    ip link set lo up
    local name
    for name in "$@"; do
        ip tuntap add dev "$name" mode tap
        ip link set "$name" up
    done
    ip addr add 203.0.113.1/24 dev "$1"
    ip addr add 2001:db8:1::1/64 dev "$1" nodad
    ip route add default via 203.0.113.254
    ip -6 route add default via 2001:db8:1::fe
    [ $# -lt 2 ] || { ip addr add 192.168.0.1/16 dev "$2"; ip addr add 2001:db8:2::1/64 dev "$2" nodad; }
    [ $# -lt 3 ] || { ip addr add 10.10.10.1/24 dev "$3"; ip addr add 2001:db8:3::1/64 dev "$3" nodad; }
}

# What iptables-restore would get: of a script with here-documents, or of a file with comments.
rules_of() { grep -E '^(\*|:|-A |COMMIT)' | sed -E 's/ +$//'; }

# What the kernel has, of iptables' legacy or nft variant.
save() { # VARIANT FAMILY
    "$2-$1-save" | rules_of | sed -E 's/^(:.*) \[[0-9]+:[0-9]+\]$/\1 [0:0]/'
}

# The programs call iptables: let that be one of the variants.
use() { # VARIANT
    mkdir -p /tmp/made/bin
    local tool
    for tool in iptables ip6tables; do
        for end in "" -save -restore; do ln -sf "/usr/sbin/$tool-$1$end" "/tmp/made/bin/$tool$end"; done
        mount --bind "/usr/sbin/xtables-$1-multi" "/usr/sbin/$tool"
        for end in save restore; do mount --bind "/usr/sbin/xtables-$1-multi" "/usr/sbin/$tool-$end"; done
    done 2>/dev/null || true
    export PATH=/tmp/made/bin:$PATH
}

# A sample of Shorewall's, or a configuration of ours with the sample's settings. No helpers but those fwtutor has.
shorewall_in() { # PROGRAM SAMPLE [OURS]
    network eth0 eth1 eth2
    mkdir /tmp/made/shorewall
    cp "$examples/$1/examples/$2"/* /tmp/made/shorewall
    if [ $# -gt 2 ]; then
        rm -f /tmp/made/shorewall/{rules,policy,zones,interfaces,snat,hosts,stoppedrules}
        cp "$here/config/$3"/* /tmp/made/shorewall
    fi
    local helpers=ftp,irc,sip,tftp
    [ "$1" = shorewall ] || helpers=ftp,sip,tftp  # irc is IPv4's alone
    sed -i -e "s/^HELPERS=.*/HELPERS=$helpers/" "/tmp/made/shorewall/$1.conf"
    [ $# -lt 3 ] || sed -i -e 's/^AUTOHELPERS=.*/AUTOHELPERS=No/' "/tmp/made/shorewall/$1.conf"
    "$1" check -r /tmp/made/shorewall | rules_of
}

ufw_with() { # FAMILY COMMANDS
    use nft
    network eth0 eth1
    cp -r /etc/ufw /tmp/made/ufw
    mount --bind /tmp/made/ufw /etc/ufw
    local line
    while read -r line; do [ -z "$line" ] || eval "ufw $line" >&2; done <"$here/config/$2"
    ufw --force enable >&2
    save nft "$1"
}

fail2ban_in() { # FAMILY
    use legacy
    network eth0
    cp -r /etc/fail2ban /tmp/made/fail2ban
    cp "$here/config/fail2ban.local" /tmp/made/fail2ban/jail.local
    rm -f /tmp/made/fail2ban/jail.d/*
    touch /tmp/made/log
    client() { fail2ban-client -c /tmp/made/fail2ban -s /tmp/made/socket -p /tmp/made/pid "$@" >&2; }
    client start
    client set sshd banip 198.51.100.9 198.51.100.10 2001:db8:9::9
    client set web banip 198.51.100.77 203.0.113.200 2001:db8:9::77
    client set recidive banip 198.51.100.99 2001:db8:9::99
    client set mail banip 198.51.100.53 2001:db8:9::53
    sleep 3
    save legacy "$1"
    client stop
}

firewalld_in() { # FAMILY
    use legacy
    network eth0 eth1 eth2
    mkdir -p /run/dbus
    cp -r /etc/firewalld /tmp/made/firewalld
    mount --bind /tmp/made/firewalld /etc/firewalld
    sed -i -e 's/^FirewallBackend=.*/FirewallBackend=iptables/' -e 's/^LogDenied=.*/LogDenied=all/' /etc/firewalld/firewalld.conf
    local line
    while read -r line; do [ -z "$line" ] || eval "firewall-offline-cmd $line" >&2; done <"$here/config/firewalld"
    dbus-daemon --system --fork --print-pid >/tmp/made/bus
    firewalld --nofork --nopid >&2 &
    local firewall=$!
    sleep 6
    firewall-cmd --state >&2
    save legacy "$1"
    kill "$firewall" "$(cat /tmp/made/bus)"
}

ferm_in() { # FAMILY FILE
    ferm --noexec --lines --domain "$1" "$2" | rules_of
}

firehol_in() { # FAMILY
    use legacy
    network eth0 eth1 eth2
    cp -r /etc/firehol /tmp/made/firehol
    mount --bind /tmp/made/firehol /etc/firehol
    cp "$here/config/firehol.conf" /etc/firehol/firehol.conf
    echo START_FIREHOL=YES >/tmp/made/default
    mount --bind /tmp/made/default /etc/default/firehol
    firehol start >&2 </dev/null
    save legacy "$1"
}

# --- what is made -------------------------------------------------------------------------------------------------------------------

# NAME.rules or NAME.rules6 from what a function of the above prints.
make() { # FILE FUNCTION WORDS...
    local file=$1
    shift
    printf '%s\n' "$file" >&2
    if unshare -n -m --propagation private "${BASH_SOURCE[0]}" inside "$@" >"$here/.made" 2>"$here/.said"; then
        mv "$here/.made" "$here/$file"
    else
        cat "$here/.said" >&2
        return 1
    fi
    rm -f "$here/.said"
}

if [ "${1:-}" = inside ]; then
    shift
    mount -t tmpfs made /run
    mkdir -p /run/lock /run/xtables /tmp/made
    mount -t tmpfs made /tmp/made
    [ ! -d /var/lib/shorewall ] || mount -t tmpfs made /var/lib/shorewall
    [ ! -d /var/lib/shorewall6 ] || mount -t tmpfs made /var/lib/shorewall6
    "$@"
    exit
fi

only=${1:-}
each() { [[ "$1" != *"$only"* ]] || make "$@" || failed+=("$1"); }
failed=()
each shorewall-one.rules shorewall_in shorewall one-interface
each shorewall-two.rules shorewall_in shorewall two-interfaces
each shorewall-three.rules shorewall_in shorewall three-interfaces
each shorewall-universal.rules shorewall_in shorewall Universal
each shorewall-ours.rules shorewall_in shorewall three-interfaces shorewall
each shorewall6-two.rules6 shorewall_in shorewall6 two-interfaces
each shorewall6-ours.rules6 shorewall_in shorewall6 three-interfaces shorewall6
each ufw-server.rules ufw_with iptables ufw-server
each ufw-server.rules6 ufw_with ip6tables ufw-server
each ufw-router.rules ufw_with iptables ufw-router
each ufw-router.rules6 ufw_with ip6tables ufw-router
each fail2ban.rules fail2ban_in iptables
each fail2ban.rules6 fail2ban_in ip6tables
each firewalld.rules firewalld_in iptables
each firewalld.rules6 firewalld_in ip6tables
each ferm-dmz.rules ferm_in ip "$examples/ferm/examples/dmz_router.ferm"
each ferm-flood.rules ferm_in ip "$here/config/flood.ferm"
each ferm-dsl.rules ferm_in ip "$examples/ferm/examples/dsl_router.ferm"
each ferm-ipv6.rules6 ferm_in ip6 "$examples/ferm/examples/ipv6.ferm"
each firehol.rules firehol_in iptables
each firehol.rules6 firehol_in ip6tables
[ ${#failed[@]} = 0 ] || { printf "not made: %s\n" "${failed[*]}" >&2; exit 1; }
