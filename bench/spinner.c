/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long does a short call take while other guests spin? A thread posts one call a millisecond, as a program with clients
 * would; the time counts from the post to the end of the call, so that waiting for the loop is in it. Beside the wall's time,
 * which other programs of the machine lengthen, stands how much processor time of the spinning guests was spent meanwhile. */
#include "base/clock.h"
#include "harness.h"
#include "rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define RUNS 3
#define SAMPLES 3000 /* of one run, one a millisecond */
#define SPINNERS_MAX 8

struct scene;

struct sample {
	struct scene *scene;
	int64_t posted_ns, done_ns;
	int64_t others_before, others_after; /* processor time of the spinning guests */
};

/* What the spinning guests had used at some time. */
struct reading {
	int64_t at_ns, others_ns;
};

struct scene {
	struct rig rig;
	struct capsule *subject, *spinners[SPINNERS_MAX];
	struct capsule_op *spins[SPINNERS_MAX];
	size_t spinner_count, done;
	struct reading last, now; /* before and after the newest turn */
	struct sample samples[SAMPLES];
	pthread_t poster;
};

static int64_t others(const struct scene *scene)
{
	int64_t sum = 0;

	for (size_t i = 0; i < scene->spinner_count; i++)
		sum += capsule_cpu_ns(scene->spinners[i]);
	return sum;
}

/* Posts arrive in the middle of a slice, of which only the rest stood before them. */
static int64_t others_at(const struct scene *scene, int64_t at_ns)
{
	int64_t turn = scene->now.at_ns - scene->last.at_ns, into = at_ns - scene->last.at_ns;

	if (at_ns >= scene->now.at_ns || turn <= 0)
		return scene->now.others_ns;
	if (into <= 0)
		return scene->last.others_ns;
	return scene->last.others_ns +
		(int64_t)((double)(scene->now.others_ns - scene->last.others_ns) * (double)into / (double)turn);
}

static void answered(struct capsule_op *op, void *user)
{
	struct sample *sample = user;

	if (capsule_error_status(capsule_op_error(op)) != CAPSULE_OK)
		bench_fail("%s", capsule_error_text(capsule_op_error(op)));
	sample->done_ns = bench_now();
	sample->others_after = others(sample->scene);
	sample->scene->done++;
	capsule_op_free(op);
}

static void arrived(void *arg)
{
	struct sample *sample = arg;
	struct scene *scene = sample->scene;

	sample->others_before = others_at(scene, sample->posted_ns);
	(void)rig_start(&scene->rig, scene->subject, "run", answered, sample);
}

static void *post_all(void *arg)
{
	struct scene *scene = arg;
	struct timespec due;

	(void)clock_gettime(CLOCK_MONOTONIC, &due);
	for (size_t i = 0; i < SAMPLES; i++) {
		due.tv_nsec += NS_PER_MS;
		if (due.tv_nsec >= NS_PER_S) {
			due.tv_nsec -= NS_PER_S;
			due.tv_sec++;
		}
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		scene->samples[i].scene = scene;
		scene->samples[i].posted_ns = bench_now();
		if (capsule_runtime_post(scene->rig.runtime, arrived, &scene->samples[i], NULL) != CAPSULE_OK)
			bench_fail("a post was refused");
	}
	return NULL;
}

static struct reading read_others(const struct scene *scene)
{
	return (struct reading){ bench_now(), others(scene) };
}

static void open_scene(struct scene *scene, const char *guests, size_t spinners)
{
	const struct capsule_runtime_options options = { .call_cpu_ms = 600000 }; /* no spinner ends before the run */

	*scene = (struct scene){ .spinner_count = 0 };
	rig_open(&scene->rig, guests, &options);
	scene->subject = rig_load(&scene->rig, "subject", "echo", "run");
	(void)rig_call(&scene->rig, scene->subject, "run", "{}", 2);
	for (size_t i = 0; i < spinners; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "spin%zu", i);
		scene->spinners[i] = rig_load(&scene->rig, id, "spin", "run");
		scene->spins[i] = rig_start(&scene->rig, scene->spinners[i], "run", NULL, NULL);
		scene->spinner_count++;
	}
	rig_turn(&scene->rig, 100);
}

static void close_scene(struct scene *scene)
{
	for (size_t i = 0; i < scene->spinner_count; i++)
		capsule_op_free(scene->spins[i]);
	rig_close(&scene->rig);
}

/* One run; figures in milliseconds. */
static void run(struct scene *scene, double *p50, double *p99, double *others_p99)
{
	static double walls[SAMPLES], processors[SAMPLES];

	scene->last = scene->now = read_others(scene);
	if (pthread_create(&scene->poster, NULL, post_all, scene) != 0)
		bench_fail("no thread");
	while (scene->done < SAMPLES) {
		(void)capsule_runtime_turn(scene->rig.runtime, -1);
		scene->last = scene->now;
		scene->now = read_others(scene);
	}
	(void)pthread_join(scene->poster, NULL);
	for (size_t i = 0; i < SAMPLES; i++) {
		const struct sample *sample = &scene->samples[i];

		walls[i] = (double)(sample->done_ns - sample->posted_ns) / (double)NS_PER_MS;
		processors[i] = (double)(sample->others_after - sample->others_before) / (double)NS_PER_MS;
	}
	bench_sort(walls, SAMPLES);
	bench_sort(processors, SAMPLES);
	*p50 = bench_percentile(walls, SAMPLES, 50);
	*p99 = bench_percentile(walls, SAMPLES, 99);
	*others_p99 = bench_percentile(processors, SAMPLES, 99);
}

static void measure(const char *guests, size_t spinners)
{
	static struct scene scene;
	double p50[RUNS], p99[RUNS], others_p99[RUNS];
	char name[32];

	for (size_t i = 0; i < RUNS; i++) {
		open_scene(&scene, guests, spinners);
		run(&scene, &p50[i], &p99[i], &others_p99[i]);
		close_scene(&scene);
	}
	(void)snprintf(name, sizeof name, "spinner.p50.%zu", spinners);
	bench_report(name, "ms", p50, RUNS);
	(void)snprintf(name, sizeof name, "spinner.p99.%zu", spinners);
	bench_report(name, "ms", p99, RUNS);
	(void)snprintf(name, sizeof name, "spinner.cpu.%zu", spinners);
	bench_report(name, "ms", others_p99, RUNS);
}

int main(int argc, char **argv)
{
	static const size_t spinners[] = { 0, 1, 2, SPINNERS_MAX };
	const char *guests = bench_guests(argc, argv);

	for (size_t i = 0; i < sizeof spinners / sizeof spinners[0]; i++)
		measure(guests, spinners[i]);
	return 0;
}
