//! Memory: `/proc/meminfo`, `/proc/vmstat`, `/proc/pressure/memory`; while there is pressure, the cgroups
//! that it comes from.

mod stalled;

use std::path::PathBuf;

use hale_model::sample::MemorySample;

use super::pressure;
use super::read::{ReadError, Scratch, decimal, lines, words};
use super::worker::{Collect, Moment, Reading};

const MEMINFO_LIMIT_BYTES: usize = 64 * 1024;
const VMSTAT_LIMIT_BYTES: usize = 256 * 1024;

pub(crate) struct MemoryCollector {
    proc: PathBuf,
    sys: PathBuf,
    scratch: Scratch,
}

impl MemoryCollector {
    pub(crate) fn new(proc: PathBuf, sys: PathBuf) -> Self {
        MemoryCollector { proc, sys, scratch: Scratch::default() }
    }

    fn meminfo(&mut self) -> Result<MemorySample, ReadError> {
        let path = self.proc.join("meminfo");
        let text = self.scratch.read(&path, MEMINFO_LIMIT_BYTES)?;
        parse_meminfo(text).ok_or_else(|| ReadError::content(&path, "no MemTotal"))
    }
}

impl Collect for MemoryCollector {
    type Out = MemorySample;

    fn collect(&mut self, _: Moment) -> Reading<MemorySample> {
        let mut sample = match self.meminfo() {
            Ok(sample) => sample,
            Err(error) => return Reading::failed(error),
        };
        let mut reading = Reading::of(MemorySample::default());
        let vmstat = self.scratch.read(&self.proc.join("vmstat"), VMSTAT_LIMIT_BYTES);
        if let Some(text) = reading.part(vmstat) {
            parse_vmstat(text, &mut sample);
        }
        let pressure = pressure::read(&mut self.scratch, &self.proc, "memory");
        sample.pressure = reading.part(pressure).flatten();
        // No cgroup's share is larger than the machine's.
        if sample.pressure.is_some_and(|p| p.some_avg10 >= stalled::SOME_PERCENT_MIN) {
            sample.stalled = stalled::read(&mut self.scratch, &self.proc, &self.sys);
        }
        Reading { value: Ok(sample), ..reading }
    }
}

pub(super) fn parse_meminfo(text: &[u8]) -> Option<MemorySample> {
    let mut memory = MemorySample::default();
    let mut available = None;
    let mut total = None;
    let mut cached = 0u64;
    for line in lines(text) {
        let mut words = words(line);
        let (Some(key), Some(kib)) = (words.next(), words.next().and_then(decimal)) else {
            continue;
        };
        let bytes = kib.saturating_mul(1024);
        match key {
            b"MemTotal:" => total = Some(bytes),
            b"MemFree:" => memory.free_bytes = bytes,
            b"MemAvailable:" => available = Some(bytes),
            b"Buffers:" => memory.buffers_bytes = bytes,
            b"Cached:" | b"SReclaimable:" => cached = cached.saturating_add(bytes),
            b"Shmem:" => memory.shmem_bytes = bytes,
            b"Dirty:" => memory.dirty_bytes = bytes,
            b"SwapTotal:" => memory.swap_total_bytes = bytes,
            b"SwapFree:" => memory.swap_free_bytes = bytes,
            _ => {}
        }
    }
    memory.total_bytes = total?;
    memory.cached_bytes = cached;
    // Kernels before 3.14 do not tell what is available: what `free` assumed then.
    memory.available_bytes = available.unwrap_or_else(|| {
        let reclaimable = cached.saturating_sub(memory.shmem_bytes);
        memory.free_bytes.saturating_add(memory.buffers_bytes).saturating_add(reclaimable)
    });
    Some(memory)
}

pub(super) fn parse_vmstat(text: &[u8], memory: &mut MemorySample) {
    for line in lines(text) {
        let mut words = words(line);
        let (Some(key), Some(count)) = (words.next(), words.next().and_then(decimal)) else {
            continue;
        };
        match key {
            b"pswpin" => memory.swap_in_pages = count,
            b"pswpout" => memory.swap_out_pages = count,
            b"oom_kill" => memory.oom_kills = count,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    const KIB: u64 = 1024;

    #[test]
    fn meminfo_of_a_new_and_an_old_kernel() {
        let new = b"MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nBuffers: 50 kB\n\
            Cached: 400 kB\nSwapCached: 9 kB\nShmem: 30 kB\nSReclaimable: 20 kB\nDirty: 7 kB\n\
            SwapTotal: 200 kB\nSwapFree: 150 kB\nHugePages_Total: 3\n";
        let memory = parse_meminfo(new).unwrap();
        assert_eq!(memory.total_bytes, 1000 * KIB);
        assert_eq!(memory.available_bytes, 600 * KIB);
        assert_eq!(memory.cached_bytes, 420 * KIB);
        assert_eq!(memory.swap_free_bytes, 150 * KIB);
        let old =
            b"MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 400 kB\nShmem: 30 kB\n";
        assert_eq!(parse_meminfo(old).unwrap().available_bytes, 520 * KIB);
        assert_eq!(parse_meminfo(b"garbage\n"), None);
    }

    #[test]
    fn vmstat_counters() {
        let mut memory = MemorySample::default();
        parse_vmstat(
            b"nr_free_pages 1\npswpin 5\npswpout 6\noom_kill 2\noom_killer x\n",
            &mut memory,
        );
        assert_eq!((memory.swap_in_pages, memory.swap_out_pages, memory.oom_kills), (5, 6, 2));
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            parse_meminfo(&bytes);
            parse_vmstat(&bytes, &mut MemorySample::default());
        }
    }
}
