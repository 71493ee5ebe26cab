# atftpd (a thread and a connected socket for each transfer) and atftp.
. "$(dirname "$0")/../lib.sh"
need atftpd atftp
only_v4
mkdir files
chmod 777 files
head -c 200000 /dev/urandom >files/data
server atftpd atftpd --daemon --no-fork --port 6969 --bind-address "$S" \
    --user root --group root --logfile - "$PWD/files"
wait_server 6969
client atftp --option 'blksize 1400' -g -r data -l got "$S" 6969 \
    >atftp.log 2>&1
cmp -s files/data got || fail 'the file got is not the same'
