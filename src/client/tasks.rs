//! What the client runs beside its calls: the only place that spawns.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::select;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::clock::Sleep;

/// The client's background tasks. Nothing but settlements outlives the last handle of the client: see [`Life`].
#[derive(Debug, Default)]
pub(super) struct Tasks {
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    /// Ends by itself and is waited for, such as reading a cancelled stream to its bill.
    work: JoinSet<()>,
    /// Goes on until it is stopped, such as probing idle targets.
    services: JoinSet<()>,
    /// Books what was used. It takes no longer than the store's patience, and is the one thing that ends after the client.
    settlements: JoinSet<()>,
    services_closed: bool,
    closed: bool,
}

impl Tasks {
    /// Runs `work` until it ends, by itself and soon. A shutdown waits for it.
    ///
    /// Gives `work` back where there is no runtime, or the client is closed: the caller does without.
    pub(super) fn spawn<F>(&self, work: F) -> Result<(), F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut running = self.lock();
        match Handle::try_current() {
            Ok(runtime) if !running.closed => {
                // Those that have ended are forgotten here, so that the set holds no more than what runs.
                while running.work.try_join_next().is_some() {}
                running.work.spawn_on(work, &runtime);
                Ok(())
            }
            Ok(_) | Err(_) => Err(work),
        }
    }

    /// Runs `service` until the client is shut down or its last handle is dropped.
    ///
    /// Gives `service` back where there is no runtime, or the client is closed.
    pub(super) fn spawn_service<F>(&self, service: F) -> Result<(), F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut running = self.lock();
        match Handle::try_current() {
            Ok(runtime) if !running.closed && !running.services_closed => {
                while running.services.try_join_next().is_some() {}
                running.services.spawn_on(service, &runtime);
                Ok(())
            }
            Ok(_) | Err(_) => Err(service),
        }
    }

    /// Runs `settlement` to its end, also when the last handle of the client is dropped meanwhile or has been already. A
    /// shutdown waits for it.
    ///
    /// Gives `settlement` back where there is no runtime.
    pub(super) fn spawn_settlement<F>(&self, settlement: F) -> Result<(), F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut running = self.lock();
        let Ok(runtime) = Handle::try_current() else { return Err(settlement) };
        while running.settlements.try_join_next().is_some() {}
        running.settlements.spawn_on(settlement, &runtime);
        if running.closed {
            running.settlements.detach_all();
        }
        Ok(())
    }

    /// How many tasks have not ended.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let mut running = self.lock();
        while running.work.try_join_next().is_some() {}
        while running.services.try_join_next().is_some() {}
        while running.settlements.try_join_next().is_some() {}
        running.work.len() + running.services.len() + running.settlements.len()
    }

    /// Stops the services; no more can be started.
    pub(super) fn stop_services(&self) {
        let mut running = self.lock();
        running.services_closed = true;
        running.services.abort_all();
    }

    /// Stops the services, waits for the work until `limit`, and stops what then still runs. What the calls used is booked:
    /// that is waited for until `grace` as well, and goes on by itself after that. Nothing else runs afterwards, and nothing
    /// can be started.
    pub(super) async fn close(&self, limit: Sleep, grace: Sleep) {
        let (mut work, mut services) = {
            let mut running = self.lock();
            running.closed = true;
            (std::mem::take(&mut running.work), std::mem::take(&mut running.services))
        };
        {
            let ended = async {
                services.shutdown().await;
                while work.join_next().await.is_some() {}
            };
            let _ = select(std::pin::pin!(ended), limit).await;
        }
        // What a task holds is released, and its call settled, before this returns.
        work.shutdown().await;
        // Ended calls may have left some behind.
        let mut settlements = std::mem::take(&mut self.lock().settlements);
        {
            let settled = async { while settlements.join_next().await.is_some() {} };
            let _ = select(std::pin::pin!(settled), grace).await;
        }
        settlements.detach_all();
    }

    fn stop(&self) {
        let mut running = self.lock();
        running.closed = true;
        running.work.abort_all();
        running.services.abort_all();
        running.settlements.detach_all();
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shared by the handles of a client, and by nothing else: a task may hold what the client holds without keeping itself
/// alive.
#[derive(Debug)]
pub(super) struct Life {
    tasks: Arc<Tasks>,
}

impl Life {
    pub(super) fn of(tasks: &Arc<Tasks>) -> Arc<Self> {
        Arc::new(Self { tasks: Arc::clone(tasks) })
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::clock::Clock as _;
    use crate::testing::VirtualClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    /// Counts itself out when it is dropped.
    struct Held(Arc<AtomicUsize>);

    impl Held {
        fn of(count: &Arc<AtomicUsize>) -> Self {
            count.fetch_add(1, Ordering::SeqCst);
            Self(Arc::clone(count))
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn closing_waits_for_work_until_the_limit_and_stops_the_rest_and_every_service() {
        for (limit, done) in [(SECOND * 2, 1), (SECOND * 20, 2)] {
            let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
            let (tasks, held, ended) =
                (Tasks::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());

            block_on(async {
                for length in [SECOND, SECOND * 10] {
                    let (held, ended, sleep) = (Held::of(&held), Arc::clone(&ended), clock.sleep(length));
                    let work = async move {
                        let _held = held;
                        sleep.await;
                        ended.fetch_add(1, Ordering::SeqCst);
                    };
                    assert!(tasks.spawn(work).is_ok());
                }
                let service = Held::of(&held);
                let endless = async move {
                    let _service = service;
                    std::future::pending::<()>().await;
                };
                assert!(tasks.spawn_service(endless).is_ok());
                assert_eq!(tasks.count(), 3);

                tasks.close(clock.sleep(limit), clock.sleep(limit)).await;

                assert!(tasks.spawn(async {}).is_err(), "nothing starts after the end");
                tokio::task::yield_now().await;
            });

            assert_eq!(ended.load(Ordering::SeqCst), done);
            assert_eq!((held.load(Ordering::SeqCst), tasks.count()), (0, 0));
        }
    }

    #[test]
    fn without_a_runtime_the_work_is_given_back() {
        let tasks = Tasks::default();

        assert!(tasks.spawn(async {}).is_err());
        assert!(tasks.spawn_service(async {}).is_err());
        assert_eq!(tasks.count(), 0);
    }

    #[test]
    fn settlements_come_to_their_end_with_the_last_handle_gone_and_a_shutdown_waits_for_them() {
        for end in ["dropped before", "dropped after", "closed"] {
            let (clock, ended) =
                (VirtualClock::automatic(SystemTime::UNIX_EPOCH), Arc::<AtomicUsize>::default());
            let tasks = Arc::<Tasks>::default();
            let life = Life::of(&tasks);
            block_on(async {
                let (sleep, done) = (clock.sleep(SECOND), Arc::clone(&ended));
                let settlement = async move {
                    sleep.await;
                    done.fetch_add(1, Ordering::SeqCst);
                };
                if end == "dropped before" {
                    drop(life);
                    assert!(tasks.spawn_settlement(settlement).is_ok());
                } else {
                    assert!(tasks.spawn_settlement(settlement).is_ok());
                    if end == "closed" {
                        tasks.close(clock.sleep(SECOND * 2), clock.sleep(SECOND * 2)).await;
                        assert_eq!(ended.load(Ordering::SeqCst), 1);
                    }
                    drop(life);
                }
                drop(tasks);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            });
            assert_eq!(ended.load(Ordering::SeqCst), 1, "{end}");
        }
        assert!(Tasks::default().spawn_settlement(async {}).is_err(), "there is no runtime");
    }

    #[test]
    fn a_settlement_that_takes_longer_than_a_shutdown_may_is_not_stopped() {
        let (clock, ended) = (VirtualClock::automatic(SystemTime::UNIX_EPOCH), Arc::<AtomicUsize>::default());
        let tasks = Tasks::default();
        block_on(async {
            let (sleep, done) = (clock.sleep(SECOND * 5), Arc::clone(&ended));
            let settlement = async move {
                sleep.await;
                done.fetch_add(1, Ordering::SeqCst);
            };
            assert!(tasks.spawn_settlement(settlement).is_ok());

            tasks.close(clock.sleep(Duration::ZERO), clock.sleep(SECOND)).await;
            assert_eq!(ended.load(Ordering::SeqCst), 0, "the shutdown does not wait for ever");

            clock.sleep(SECOND * 5).await;
            tokio::task::yield_now().await;
        });
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn tasks_end_with_the_last_handle() {
        let (tasks, held) = (Arc::<Tasks>::default(), Arc::<AtomicUsize>::default());
        let life = Life::of(&tasks);

        block_on(async {
            for _ in 0..3 {
                let own = (Held::of(&held), Arc::clone(&tasks));
                let endless = async move {
                    let _own = own;
                    std::future::pending::<()>().await;
                };
                assert!(tasks.spawn(endless).is_ok());
            }
            let other = Arc::clone(&life);
            drop(life);
            tokio::task::yield_now().await;
            assert_eq!(held.load(Ordering::SeqCst), 3, "another handle is left");

            drop(other);
            tokio::task::yield_now().await;
            assert_eq!(held.load(Ordering::SeqCst), 0);
        });
        assert_eq!(tasks.count(), 0);
    }
}
