/* SPDX-License-Identifier: ISC */
#include "timestamp.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "mp.h"
#include "process/fault.h"
#include "process/libc.h"
#include "shared/clock.h"
#include "shared/net.h"
#include "shared/uapi.h"
#include "socket/fdtab.h"

/* Of sock.stamp: no datagram yet; one, whose time was not kept; else its time
 * in ns.  SECOND is in ns. */
enum { NEVER = 0, SOME = 1, SECOND = 1000000000 };

static int64_t
timestamp_ns(const struct timespec *ts)
{
	return (int64_t)ts->tv_sec * SECOND + ts->tv_nsec;
}

/* As in the kernel, times are kept only from the first request on, and not
 * while they are told by control messages. */
void
timestamp_note(struct sock *s, const struct net_info *info)
{
	if (s->options.stamp != 0 || s->options.stamping != 0)
		return;
	if (atomic_load(&s->stamps) && info->arrival != MP_NEVER)
		atomic_store(&s->stamp, timestamp_ns(&info->stamp));
	else if (atomic_load(&s->stamp) == NEVER)
		atomic_store(&s->stamp, SOME);
}

bool
timestamp_is_request(unsigned long request)
{
	return request == SIOCGSTAMP_OLD || request == SIOCGSTAMPNS_OLD ||
	    request == SIOCGSTAMP_NEW || request == SIOCGSTAMPNS_NEW;
}

int
timestamp_read(int fd, struct sock *s, unsigned long request, void *arg)
{
	bool micro = request == SIOCGSTAMP_OLD || request == SIOCGSTAMP_NEW;
	struct timespec now;
	int64_t at = atomic_load(&s->stamp), pair[2];

	atomic_store(&s->stamps, true);
	if (at == NEVER) /* perhaps the kernel has one, of before the attach */
		return real_ioctl(fd, request, arg) != 0 ? -errno : 0;
	if (at == SOME) {
		clock_read(CLOCK_REALTIME, &now);
		at = timestamp_ns(&now);
		atomic_store(&s->stamp, at);
	}
	pair[0] = at / SECOND;
	pair[1] = at % SECOND / (micro ? 1000 : 1);
	if (fault_write(fd, arg, sizeof(pair)))
		return -EFAULT;
	memcpy(arg, pair, sizeof(pair)); /* a timeval or timespec of 64 bits */
	return 0;
}
