//! GPUs: NVIDIA through NVML, loaded at run time; AMD through sysfs. None is no error.

use std::path::{Path, PathBuf};

use hale_model::sample::{GpuProcess, GpuSample, GpuStat};
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::enums::device::UsedGpuMemory;

use super::cpu::celsius;
use super::read::{self, ReadError, Scratch, names};
use super::worker::{Collect, Moment, Reading};

const GPUS_MAX: usize = 64;
const PROCESSES_MAX: usize = 1024;
/// Looking for a driver that is not there costs a search through the library path.
const PROBE_EVERY_SECS: u64 = 600;
const NANOS_PER_SEC: u64 = 1_000_000_000;
const AMD_VENDOR: &str = "0x1002";

pub(crate) struct GpuCollector {
    proc: PathBuf,
    sys: PathBuf,
    scratch: Scratch,
    live: bool,
    nvml: Option<Nvml>,
    nvml_due_ns: u64,
    nvml_error: Option<String>,
    cards: Vec<PathBuf>,
    cards_due_ns: u64,
}

impl GpuCollector {
    pub(crate) fn new(proc: PathBuf, sys: PathBuf) -> Self {
        let live = read::is_procfs(&proc);
        GpuCollector {
            proc,
            sys,
            scratch: Scratch::default(),
            live,
            nvml: None,
            nvml_due_ns: 0,
            nvml_error: None,
            cards: Vec::new(),
            cards_due_ns: 0,
        }
    }

    /// Whether a driver is loaded that NVML could talk to; a recording cannot answer.
    fn has_nvidia_driver(&self) -> bool {
        self.live
            && (self.proc.join("driver/nvidia/version").exists() || Path::new("/dev/dxg").exists())
    }

    fn probe_nvml(&mut self, now_ns: u64) {
        if self.nvml.is_some() || now_ns < self.nvml_due_ns {
            return;
        }
        self.nvml_due_ns = now_ns.saturating_add(PROBE_EVERY_SECS * NANOS_PER_SEC);
        self.nvml_error = None;
        if self.has_nvidia_driver() {
            match Nvml::init() {
                Ok(nvml) => self.nvml = Some(nvml),
                Err(error) => {
                    self.nvml_error = Some(format!(
                        "the NVIDIA driver is loaded but NVML is not usable: {error}; install libnvidia-ml.so.1"
                    ));
                }
            }
        }
    }

    fn amd_cards(&mut self, now_ns: u64) {
        if now_ns < self.cards_due_ns {
            return;
        }
        self.cards_due_ns = now_ns.saturating_add(PROBE_EVERY_SECS * NANOS_PER_SEC);
        let drm = self.sys.join("class/drm");
        let cards = names(&drm, 4 * GPUS_MAX).into_iter().filter(|name| {
            name.strip_prefix("card").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
        });
        let devices = cards.map(|name| drm.join(name).join("device"));
        self.cards = devices
            .filter(|device| {
                self.scratch.text(&device.join("vendor")).as_deref() == Some(AMD_VENDOR)
            })
            .take(GPUS_MAX)
            .collect();
    }
}

impl Collect for GpuCollector {
    type Out = GpuSample;

    fn collect(&mut self, moment: Moment) -> Reading<GpuSample> {
        self.probe_nvml(moment.boottime_ns);
        self.amd_cards(moment.boottime_ns);
        let mut gpus = Vec::new();
        let mut failure = self.nvml_error.clone();
        if let Some(nvml) = &self.nvml {
            match nvidia(nvml) {
                Ok(found) => gpus = found,
                Err(error) => {
                    failure = Some(format!("NVML no longer answers: {error}"));
                    self.nvml = None;
                }
            }
        }
        for (index, device) in self.cards.iter().enumerate() {
            gpus.push(amd(&mut self.scratch, device, index as u32));
        }
        match failure {
            Some(text) if gpus.is_empty() => Reading::failed(ReadError::Other(text)),
            failure => {
                let mut reading = Reading::of(GpuSample { gpus });
                reading.absent = reading.value.as_ref().is_ok_and(|g| g.gpus.is_empty());
                if let Some(text) = failure {
                    reading.note(text);
                }
                reading
            }
        }
    }
}

fn nvidia(nvml: &Nvml) -> Result<Vec<GpuStat>, nvml_wrapper::error::NvmlError> {
    let count = nvml.device_count()?.min(GPUS_MAX as u32);
    (0..count)
        .map(|index| {
            let device = nvml.device_by_index(index)?;
            // Not every card tells everything: what it refuses is none.
            let memory = device.memory_info().ok();
            let compute = device.running_compute_processes().unwrap_or_default();
            let graphics = device.running_graphics_processes().unwrap_or_default();
            let mut processes: Vec<GpuProcess> = compute
                .into_iter()
                .chain(graphics)
                .take(PROCESSES_MAX)
                .filter_map(|process| {
                    let memory_bytes = match process.used_gpu_memory {
                        UsedGpuMemory::Used(bytes) => bytes,
                        UsedGpuMemory::Unavailable => 0,
                    };
                    Some(GpuProcess { pid: i32::try_from(process.pid).ok()?, memory_bytes })
                })
                .collect();
            processes.sort_by_key(|p| p.pid);
            processes.dedup_by_key(|p| p.pid);
            Ok(GpuStat {
                index,
                vendor: "nvidia".to_owned(),
                name: device.name().unwrap_or_default(),
                busy_percent: device.utilization_rates().ok().map(|u| f64::from(u.gpu)),
                memory_total_bytes: memory.as_ref().map_or(0, |m| m.total),
                memory_used_bytes: memory.as_ref().map_or(0, |m| m.used),
                celsius: device.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
                power_watts: device.power_usage().ok().map(|mw| f64::from(mw) / 1000.0),
                processes,
            })
        })
        .collect()
}

fn amd(scratch: &mut Scratch, device: &Path, index: u32) -> GpuStat {
    let mut gpu = GpuStat {
        index,
        vendor: "amd".to_owned(),
        name: scratch
            .text(&device.join("product_name"))
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| {
                let id = scratch.text(&device.join("device")).unwrap_or_default();
                format!("AMD GPU {id}")
            }),
        ..GpuStat::default()
    };
    // To ask a card that sleeps would wake it.
    if scratch.text(&device.join("power/runtime_status")).as_deref() == Some("suspended") {
        return gpu;
    }
    gpu.busy_percent = scratch
        .number::<f64>(&device.join("gpu_busy_percent"))
        .filter(|busy| (0.0..=100.0).contains(busy));
    gpu.memory_total_bytes = scratch.number(&device.join("mem_info_vram_total")).unwrap_or(0);
    gpu.memory_used_bytes = scratch.number(&device.join("mem_info_vram_used")).unwrap_or(0);
    let hwmon = device.join("hwmon");
    if let Some(chip) = names(&hwmon, 1).first().map(|name| hwmon.join(name)) {
        gpu.celsius = celsius(scratch, &chip.join("temp1_input"));
        gpu.power_watts = ["power1_average", "power1_input"]
            .iter()
            .find_map(|file| scratch.number::<u64>(&chip.join(file)))
            .map(|microwatts| microwatts as f64 / 1e6);
    }
    gpu
}
