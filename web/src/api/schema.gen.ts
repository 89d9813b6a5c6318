// Made by npm run types.
export interface paths {
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** whether the agent answers */
        get: operations["get_healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** what hale counts about itself, for Prometheus */
        get: operations["get_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** this document */
        get: operations["get_openapi_json"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** how well each machine is, and why */
        get: operations["get_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/machines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** the machines */
        get: operations["get_machines"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/machines/{id}/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** one machine now */
        get: operations["get_machines_id_overview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** alerts, newest first */
        get: operations["get_alerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** one alert */
        get: operations["get_alerts_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** incidents, newest first */
        get: operations["get_incidents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** one incident with its story */
        get: operations["get_incidents_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents/{id}/postmortem": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** written up for people */
        get: operations["get_incidents_id_postmortem"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** questions that wait for a person */
        get: operations["get_approvals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/services": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** services that send telemetry, who calls whom, objectives */
        get: operations["get_services"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runbook": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** what was learned and written down */
        get: operations["get_runbook"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** the newest decisions and actions */
        get: operations["get_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/metrics/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** figures of the machine */
        get: operations["get_metrics_summary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/query": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** one SQL statement that only reads */
        get: operations["get_query"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** what happens, as server-sent events: alert, incident, thought, health, action, prediction, gap */
        get: operations["get_stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** courses of figures */
        get: operations["get_series"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/processes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** processes now */
        get: operations["get_processes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/units": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** services */
        get: operations["get_units"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/containers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** containers */
        get: operations["get_containers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/journal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** lines of the journal */
        get: operations["get_journal"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** what hale goes by */
        get: operations["get_settings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/achieved": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** what hale achieved */
        get: operations["get_achieved"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/past/moment": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** the machine then */
        get: operations["get_past_moment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/past/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** alerts then */
        get: operations["get_past_alerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/past/incidents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** incidents then */
        get: operations["get_past_incidents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/past/incidents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** one then */
        get: operations["get_past_incidents_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/past/approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** questions then */
        get: operations["get_past_approvals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/past/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** the chain until then */
        get: operations["get_past_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}/ack": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** take an alert */
        post: operations["post_alerts_id_ack"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** close an alert */
        post: operations["post_alerts_id_close"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ask": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** the plan for a sentence; nothing is run */
        post: operations["post_ask"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approvals/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** say yes */
        post: operations["post_approvals_id_approve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approvals/{id}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** say no */
        post: operations["post_approvals_id_reject"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** stop all actions */
        post: operations["post_pause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** let actions go on */
        post: operations["post_resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/actions/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** put an action back */
        post: operations["post_actions_id_undo"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents/{id}/note": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** add to an incident's story */
        post: operations["post_incidents_id_note"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhook": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** report trouble */
        post: operations["post_webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/alertmanager": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Alertmanager's webhook, version 4 */
        post: operations["post_webhooks_alertmanager"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/grafana": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Grafana's webhook */
        post: operations["post_webhooks_grafana"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/github": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** GitHub's webhook, signed */
        post: operations["post_webhooks_github"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/slack": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Slack's buttons, signed */
        post: operations["post_webhooks_slack"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** who this caller is */
        get: operations["get_session"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** sign this browser out */
        post: operations["post_session_end"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** API tokens, never themselves */
        get: operations["get_tokens"];
        put?: never;
        /** make a token: shown this once */
        post: operations["post_tokens"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{name}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** end a token at once */
        post: operations["post_tokens_name_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description What was wrong, where, and what to do next. */
        ApiError: {
            /** @description Which sort. */
            kind: components["schemas"]["ErrorKind"];
            /** @description What was wrong, and where. */
            message: string;
            /** @description The next step for the person. */
            hint?: string | null;
        };
        /** @description Why a question or a wish was not answered: decides the exit code and the HTTP status. */
        ErrorKind: "usage" | "not_found" | "refused" | "needs_approval" | "failed" | "degraded";
        /** @description `robot health` */
        HealthView: {
            /** @description The worst machine counts. */
            overall: components["schemas"]["OverallHealth"];
            /** @description Each machine. */
            machines: components["schemas"]["MachineHealth"][];
        };
        /** @description All machines together. */
        OverallHealth: {
            /**
             * Format: double
             * @description 0 (worst) to 1.
             */
            score: number;
            /** @description What that means. */
            severity: components["schemas"]["Severity"];
        };
        /** @description How bad it is. */
        Severity: "low" | "medium" | "high" | "critical";
        /** @description One machine's health. */
        MachineHealth: {
            /** @description The machine. */
            id: components["schemas"]["MachineId"];
            /**
             * Format: double
             * @description 0 (worst) to 1.
             */
            score: number;
            /** @description What that means. */
            severity: components["schemas"]["Severity"];
            /** @description What weighs most. */
            top_issue?: string | null;
            /** @description Why, worst first. */
            factors: components["schemas"]["HealthFactor"][];
        };
        /** @description A machine: `[general] machine_id`, else the host name. */
        MachineId: string;
        /** @description One reason for a health score. */
        HealthFactor: {
            /** @description `memory`, `cpu`, `disk`, `process`, `service`, `journal`, `temperature`, `sources`. */
            id: string;
            /**
             * Format: double
             * @description 0 (worst) to 1. What was never collected scores low, not high.
             */
            score: number;
            /** @description What that score means. */
            severity: components["schemas"]["Severity"];
            /** @description Why, with the figure. */
            why: string;
        };
        /** @description `robot machines` */
        MachinesView: {
            /** @description Every machine that hale watches. */
            machines: components["schemas"]["MachineSummary"][];
        };
        /** @description One machine in brief: a line of `robot machines`. */
        MachineSummary: {
            /** @description The machine. */
            id: components["schemas"]["MachineId"];
            /**
             * Format: double
             * @description Health: 0 (worst) to 1.
             */
            score: number;
            /** @description What that score means. */
            severity: components["schemas"]["Severity"];
            /** @description What weighs most. */
            top_issue?: string | null;
            /**
             * Format: date-time
             * @description When it was last measured.
             */
            collected_at: string;
            /** @description Operating system. */
            os: string;
            /** @description Kernel release. */
            kernel: string;
            /**
             * Format: uint32
             * @description CPUs.
             */
            cores: number;
            /**
             * Format: uint64
             * @description Seconds since boot.
             */
            uptime_secs: number;
            /**
             * Format: uint32
             * @description Alerts that are open or acknowledged.
             */
            alerts: number;
        };
        /** @description One machine in full: `status`, `robot status`, `robot machine`. */
        StatusView: {
            /** @description The machine. */
            machine_id: components["schemas"]["MachineId"];
            /**
             * Format: date-time
             * @description When it was measured.
             */
            collected_at: string;
            /** @description Operating system. */
            os: string;
            /** @description Kernel release. */
            kernel: string;
            /**
             * Format: uint32
             * @description CPUs.
             */
            cores: number;
            /**
             * Format: uint64
             * @description Seconds since boot.
             */
            uptime_secs: number;
            /** @description Whether an agent runs on this data directory. */
            agent_running: boolean;
            /** @description Its mode, or the configured one. */
            mode: components["schemas"]["Mode"];
            /**
             * Format: date-time
             * @description Until when actions are stopped; none if they are not.
             */
            paused_until?: string | null;
            /** @description How well it is. */
            health: components["schemas"]["MachineHealth"];
            /** @description Whole-machine figures. */
            system: components["schemas"]["System"];
            /** @description CPU pressure and so on, again by name for screens: `cpu`, `memory`, `io`. */
            pressure: {
                [key: string]: components["schemas"]["Pressure"];
            };
            /** @description Most CPU first. */
            top_cpu: components["schemas"]["ProcessView"][];
            /** @description Most memory first. */
            top_memory: components["schemas"]["ProcessView"][];
            /** @description File systems. */
            mounts: components["schemas"]["Mount"][];
            /** @description Block devices. */
            devices: components["schemas"]["Device"][];
            /** @description Network interfaces. */
            interfaces: components["schemas"]["Interface"][];
            /** @description TCP sockets by state. */
            tcp_states: {
                [key: string]: number;
            };
            /** @description GPUs. */
            gpus: components["schemas"]["GpuStat"][];
            /** @description CPU and board sensors. */
            temperatures: components["schemas"]["Temperature"][];
            /** @description Units that are not well. */
            failed_units: components["schemas"]["UnitStat"][];
            /**
             * @description Containers, by name.
             * @default []
             */
            containers: components["schemas"]["Container"][];
            /**
             * @description Kubernetes workloads.
             * @default []
             */
            workloads: components["schemas"]["Workload"][];
            /** @description Open and acknowledged alerts, worst first. */
            alerts: components["schemas"]["AlertView"][];
            /** @description What is expected. */
            predictions: components["schemas"]["Prediction"][];
            /** @description How each source did. */
            sources: components["schemas"]["SourceStatus"][];
            /**
             * @description What of hale itself does not work now: what cannot be stored, rules that do not load.
             * @default []
             */
            warnings: string[];
        };
        /** @description What hale may do by itself. */
        Mode: "observe" | "suggest" | "approve" | "auto";
        /** @description Whole-machine figures. None: not measured. */
        System: {
            /**
             * Format: double
             * @description Busy share of all cores, 0..100.
             */
            cpu_total?: number | null;
            /** @description Busy share of each core, 0..100. */
            cpu_cores: number[];
            /**
             * Format: double
             * @description Share of time waiting for storage, 0..100.
             */
            cpu_iowait?: number | null;
            /**
             * Format: double
             * @description Share taken by the hypervisor, 0..100.
             */
            cpu_steal?: number | null;
            /**
             * Format: double
             * @description Mean frequency of the cores.
             */
            frequency_mhz?: number | null;
            /**
             * Format: double
             * @description Load over 1 minute.
             */
            load1?: number | null;
            /**
             * Format: double
             * @description Load over 5 minutes.
             */
            load5?: number | null;
            /**
             * Format: double
             * @description Load over 15 minutes.
             */
            load15?: number | null;
            /**
             * Format: uint64
             * @description Memory in all.
             */
            mem_total_bytes?: number | null;
            /**
             * Format: uint64
             * @description Total less available.
             */
            mem_used_bytes?: number | null;
            /**
             * Format: uint64
             * @description Available without swapping.
             */
            mem_available_bytes?: number | null;
            /**
             * Format: uint64
             * @description Page cache, buffers and reclaimable slab.
             */
            mem_cached_bytes?: number | null;
            /**
             * Format: double
             * @description Used share of memory, 0..100.
             */
            mem_used_percent?: number | null;
            /**
             * Format: uint64
             * @description Swap in all; 0 is no swap.
             */
            swap_total_bytes?: number | null;
            /**
             * Format: uint64
             * @description Swap in use.
             */
            swap_used_bytes?: number | null;
            /**
             * Format: double
             * @description Used share of swap, 0..100; none without swap.
             */
            swap_used_percent?: number | null;
            /**
             * Format: double
             * @description Pages swapped in a second.
             */
            swap_in_pages_per_sec?: number | null;
            /**
             * Format: double
             * @description Pages swapped out a second.
             */
            swap_out_pages_per_sec?: number | null;
            /**
             * Format: uint64
             * @description Victims of the kernel's OOM killer since the sample before.
             */
            oom_kills?: number | null;
            /** @description CPU pressure. */
            cpu_pressure?: components["schemas"]["Pressure"] | (null);
            /** @description Memory pressure. */
            memory_pressure?: components["schemas"]["Pressure"] | (null);
            /** @description I/O pressure. */
            io_pressure?: components["schemas"]["Pressure"] | (null);
            /**
             * Format: double
             * @description MiB a second read, all devices.
             */
            disk_read_mbps?: number | null;
            /**
             * Format: double
             * @description MiB a second written, all devices.
             */
            disk_write_mbps?: number | null;
            /**
             * Format: double
             * @description MiB a second received, all interfaces but loopback.
             */
            net_rx_mbps?: number | null;
            /**
             * Format: double
             * @description MiB a second sent, all interfaces but loopback.
             */
            net_tx_mbps?: number | null;
            /**
             * Format: uint64
             * @description Processes, kernel threads included.
             */
            process_count?: number | null;
            /**
             * Format: uint64
             * @description Of these, dead and not yet collected by their parents.
             */
            zombie_count?: number | null;
        };
        /** @description One line of `/proc/pressure/*`: share of time stalled, in percent. */
        Pressure: {
            /**
             * Format: double
             * @description Some task stalled, mean of 10 s.
             */
            some_avg10: number;
            /**
             * Format: double
             * @description Some task stalled, mean of 60 s.
             */
            some_avg60: number;
            /**
             * Format: double
             * @description All tasks stalled, mean of 10 s (0 for CPU).
             */
            full_avg10: number;
            /**
             * Format: double
             * @description All tasks stalled, mean of 60 s.
             */
            full_avg60: number;
        };
        /** @description A process as robots and screens see it. */
        ProcessView: {
            /**
             * Format: int32
             * @description Process id.
             */
            pid: number;
            /**
             * Format: uint64
             * @description Start time in clock ticks after boot.
             */
            start_ticks: number;
            /**
             * Format: int32
             * @description Parent.
             */
            ppid: number;
            /** @description The kernel's name. */
            name: string;
            /** @description Command line, at most 200 bytes. */
            command: string;
            /** @description Owner. */
            user: string;
            /** @description State letter. */
            state: string;
            /**
             * Format: double
             * @description Percent of one core.
             */
            cpu_percent?: number | null;
            /**
             * Format: uint64
             * @description Resident memory.
             */
            rss_bytes: number;
            /**
             * Format: double
             * @description Share of memory.
             */
            mem_percent?: number | null;
            /**
             * Format: uint32
             * @description Open file descriptors.
             */
            open_fds?: number | null;
            /**
             * Format: uint32
             * @description Threads.
             */
            threads: number;
            /**
             * Format: uint64
             * @description Seconds since it started.
             */
            age_secs: number;
            /** @description systemd unit. */
            unit?: string | null;
            /** @description Container id. */
            container?: string | null;
        };
        /** @description A file system at one instant. */
        Mount: {
            /** @description Where. */
            mount_point: string;
            /** @description What is mounted. */
            device: string;
            /** @description Type. */
            fs_type: string;
            /**
             * Format: uint64
             * @description Size.
             */
            total_bytes: number;
            /**
             * Format: uint64
             * @description Total less free.
             */
            used_bytes: number;
            /**
             * Format: uint64
             * @description Free for everyone.
             */
            available_bytes: number;
            /**
             * Format: double
             * @description What everyone can still use, in percent of used and available together, as `df` counts.
             */
            free_percent: number;
            /**
             * Format: double
             * @description Free inodes in percent; none where the file system has no fixed number.
             */
            inode_free_percent?: number | null;
            /** @description Mounted read-only. */
            read_only: boolean;
            /**
             * Format: double
             * @description Bytes a second by which what is available became less since the sample before; none if it did not, or there was none.
             */
            filling_bytes_per_sec?: number | null;
        };
        /** @description A block device over one interval. */
        Device: {
            /** @description `nvme0n1` */
            device: string;
            /**
             * Format: double
             * @description MiB a second read.
             */
            read_mbps?: number | null;
            /**
             * Format: double
             * @description MiB a second written.
             */
            write_mbps?: number | null;
            /**
             * Format: double
             * @description Requests a second.
             */
            iops?: number | null;
            /**
             * Format: double
             * @description Mean milliseconds a request took; none in an interval without one.
             */
            latency_ms?: number | null;
            /**
             * Format: double
             * @description Share of time with a request in flight, 0..100.
             */
            busy_percent?: number | null;
        };
        /** @description A network interface over one interval. */
        Interface: {
            /** @description `eth0` */
            interface: string;
            /**
             * Format: double
             * @description MiB a second received.
             */
            rx_mbps?: number | null;
            /**
             * Format: double
             * @description MiB a second sent.
             */
            tx_mbps?: number | null;
            /**
             * Format: double
             * @description Errors and drops a second, both ways.
             */
            errors_per_sec?: number | null;
        };
        /** @description One GPU. */
        GpuStat: {
            /**
             * Format: uint32
             * @description Index in its driver's order.
             */
            index: number;
            /** @description `nvidia` or `amd`. */
            vendor: string;
            /** @description Product name. */
            name: string;
            /**
             * Format: double
             * @description Share of time with work, in percent.
             */
            busy_percent?: number | null;
            /**
             * Format: uint64
             * @description Memory in all.
             */
            memory_total_bytes: number;
            /**
             * Format: uint64
             * @description Memory in use.
             */
            memory_used_bytes: number;
            /**
             * Format: double
             * @description Degrees Celsius.
             */
            celsius?: number | null;
            /**
             * Format: double
             * @description Power draw in watts.
             */
            power_watts?: number | null;
            /** @description Processes that hold memory on it. */
            processes: components["schemas"]["GpuProcess"][];
        };
        /** @description A process that uses a GPU. */
        GpuProcess: {
            /**
             * Format: int32
             * @description Process id.
             */
            pid: number;
            /**
             * Format: uint64
             * @description GPU memory it holds.
             */
            memory_bytes: number;
        };
        /** @description A temperature sensor. */
        Temperature: {
            /** @description `coretemp/Package id 0`, `thermal/x86_pkg_temp`. */
            label: string;
            /**
             * Format: double
             * @description Degrees Celsius.
             */
            celsius: number;
            /**
             * Format: double
             * @description The hardware's own critical limit.
             */
            critical_celsius?: number | null;
        };
        /** @description One service unit. */
        UnitStat: {
            /** @description `nginx.service` */
            unit: string;
            /**
             * @description systemd's `Type=`: `simple`, `notify`, `oneshot`, …; empty where it was not read.
             * @default
             */
            service_type: string;
            /** @description `active`, `activating`, `failed`, `inactive`, … */
            active_state: string;
            /** @description `running`, `auto-restart`, `dead`, … */
            sub_state: string;
            /** @description Why the last run ended: `success`, `exit-code`, `oom-kill`, `start-limit-hit`, … */
            result: string;
            /**
             * Format: int32
             * @description Exit status of the last main process.
             */
            exit_status: number;
            /**
             * Format: uint32
             * @description Automatic restarts since it was last started by hand.
             */
            restarts: number;
            /**
             * Format: int32
             * @description Main process, 0 if none.
             */
            main_pid: number;
            /** @description Id of this very run of the unit, 32 hex digits; empty where it never ran. */
            invocation_id: string;
        };
        /** @description A container, ready to be judged and shown. */
        Container: {
            /** @description 64 hexadecimal digits. */
            id: string;
            /** @description Without the engine's leading slash. */
            name: string;
            /** @description As it was named when the container was made: `registry.example/shop:1.4`. */
            image: string;
            /** @description Where in its life. */
            state: components["schemas"]["ContainerState"];
            /** @description What its health check says; none where it has none. */
            health?: components["schemas"]["ContainerHealth"] | (null);
            /** @description What the newest health check printed, at most 512 bytes. */
            health_output?: string | null;
            /**
             * Format: uint32
             * @description Health checks that failed in a row.
             */
            failing_streak: number;
            /**
             * Format: date-time
             * @description When the current or last run began; none if it never ran.
             */
            started_at?: string | null;
            /**
             * Format: date-time
             * @description When the last run ended; none while the first one lasts.
             */
            finished_at?: string | null;
            /**
             * Format: uint32
             * @description Automatic restarts since it was last started by hand.
             */
            restart_count: number;
            /**
             * Format: int32
             * @description Exit status of the last run that ended; none while none did.
             */
            exit_code?: number | null;
            /** @description Whether the kernel ended the last run for want of memory. */
            oom_killed: boolean;
            /**
             * @description Whether somebody told the engine to end the last run; none where that is not known, or the run
             *     lasts. An end that nobody asked for is a failure, whatever its status.
             */
            end_asked?: boolean | null;
            /** @description `no`, `always`, `unless-stopped`, `on-failure`. */
            restart_policy: string;
            /**
             * Format: uint32
             * @description How often `on-failure` may start it again; 0: as often as it likes.
             */
            restart_max: number;
            /**
             * Format: int32
             * @description Its first process as this machine knows it; 0 if it does not run.
             */
            pid: number;
            /**
             * Format: uint64
             * @description Memory in use without page cache that can be dropped; none while it does not run, or unread.
             */
            memory_bytes?: number | null;
            /**
             * Format: uint64
             * @description Limit of its memory; none: none.
             */
            memory_limit_bytes?: number | null;
            /**
             * Format: uint64
             * @description CPU time used since its start, in microseconds.
             */
            cpu_usec?: number | null;
            /** @description IP addresses by network. */
            addresses: {
                [key: string]: string;
            };
            /** @description `80/tcp`: what its image says that it listens on. */
            exposed_ports: string[];
            /** @description Ports on the machine that lead to it. */
            published_ports: components["schemas"]["PublishedPort"][];
            /** @description Project of Compose. */
            compose_project?: string | null;
            /** @description Its service within that project. */
            compose_service?: string | null;
            /**
             * @description How to ask it whether it is well, where its label `hale.probe` says so:
             *     `http://:8080/healthz`, `tcp://:5432`.
             */
            probe?: string | null;
            /** @description Whether it holds a Kubernetes pod together, or belongs to one: then kubelet starts it again. */
            kubernetes: boolean;
            /**
             * Format: double
             * @description CPU in percent of one core since the snapshot before.
             */
            cpu_percent?: number | null;
            /**
             * Format: double
             * @description Memory in percent of its limit; none without one.
             */
            memory_percent?: number | null;
        };
        /** @description Where a container is in its life, in the engine's words. */
        ContainerState: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead" | "unknown";
        /** @description What a container's own health check (`HEALTHCHECK`) says. */
        ContainerHealth: "starting" | "healthy" | "unhealthy";
        /** @description A port that the engine publishes on the machine. */
        PublishedPort: {
            /** @description `80/tcp`: within the container. */
            container_port: string;
            /** @description Address on the machine; `0.0.0.0` and `::` are all of them. */
            host_address: string;
            /**
             * Format: uint16
             * @description Port on the machine.
             */
            host_port: number;
        };
        /** @description A workload at one instant, as measured. */
        Workload: {
            /** @description Its namespace. */
            namespace: string;
            /** @description What it is. */
            kind: components["schemas"]["WorkloadKind"];
            /** @description Its name. */
            name: string;
            /** @description Its identity. */
            uid: string;
            /**
             * Format: int64
             * @description Which state of its specification; counted up by the API server with every change.
             */
            generation: number;
            /**
             * Format: int64
             * @description The state of the specification that its controller has seen.
             */
            observed_generation: number;
            /**
             * Format: uint32
             * @description Pods that are wanted.
             */
            wanted: number;
            /**
             * Format: uint32
             * @description Pods there are.
             */
            existing: number;
            /**
             * Format: uint32
             * @description Pods of the newest template.
             */
            updated: number;
            /**
             * Format: uint32
             * @description Pods that are ready.
             */
            ready: number;
            /**
             * Format: uint32
             * @description Pods that have been ready for long enough.
             */
            available: number;
            /** @description Whether a person holds its rollout. */
            paused: boolean;
            /** @description Why its rollout does not go on, in the controller's words. */
            stuck?: string | null;
            /**
             * Format: uint64
             * @description Which revision of its template.
             */
            revision?: number | null;
            /** @description Images of its containers. */
            images: string[];
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at?: string | null;
        };
        /** @description What keeps pods running. */
        WorkloadKind: "Deployment" | "StatefulSet" | "DaemonSet";
        /** @description An alert as robots and screens see it. */
        AlertView: {
            /** @description Its id. */
            id: string;
            /** @description What makes a later finding the same alert. */
            fingerprint: string;
            /** @description Where. */
            machine_id: components["schemas"]["MachineId"];
            /** @description What kind. */
            kind: string;
            /** @description How bad. */
            severity: components["schemas"]["Severity"];
            /** @description `open`, `acknowledged`, `closed` */
            state: string;
            /** @description About what, in words. */
            subject: string;
            /** @description About what, as data. */
            target: components["schemas"]["Subject"];
            /** @description One sentence. */
            summary: string;
            /**
             * Format: date-time
             * @description Start.
             */
            first_seen_at: string;
            /**
             * Format: date-time
             * @description Last time it was still so.
             */
            last_seen_at: string;
            /**
             * Format: date-time
             * @description When it closed.
             */
            closed_at?: string | null;
            /** @description Why it closed. */
            close_reason?: string | null;
            /** @description What it rests on. */
            evidence: components["schemas"]["Evidence"][];
            /** @description Commands that may help. */
            suggested_actions: string[];
            /** @description Its incident. */
            incident_id?: string | null;
        };
        /** @description What a finding is about, and what an action may be aimed at. */
        Subject: {
            /** @enum {string} */
            type: "machine";
        } | {
            /** @enum {string} */
            type: "process";
            /** @description Which. */
            process: components["schemas"]["ProcRef"];
        } | {
            /** @enum {string} */
            type: "process_group";
            /** @description What stays the same while members come and go: a command line, or the parent's identity. */
            group_key: string;
            /** @description For people: `12 × python3 mcp_server.py`. */
            label: string;
            /** @description The members, by identity; never a pattern. */
            members: components["schemas"]["ProcRef"][];
            /** @description Their process groups. */
            pgids: number[];
            /** @description The cgroup they share, if they share one. */
            cgroup?: string | null;
        } | {
            /** @enum {string} */
            type: "unit";
            /** @description `nginx.service` */
            unit: string;
        } | {
            /** @enum {string} */
            type: "mount";
            /** @description Where. */
            mount_point: string;
        } | {
            /** @enum {string} */
            type: "sensor";
            /** @description Its label. */
            label: string;
        } | {
            /** @enum {string} */
            type: "metric";
            /** @description Its name, as in the telemetry views. */
            metric: string;
        } | {
            /** @enum {string} */
            type: "journal";
            /** @description Unit or identifier that logs it. */
            origin: string;
            /** @description The message with its changing parts left out. */
            template: string;
        } | {
            /** @enum {string} */
            type: "container";
            /** @description Its id, whole, in hexadecimal: what an action is aimed at. */
            id: string;
            /** @description Its name: what stays when it is made anew. */
            name: string;
        } | {
            /** @enum {string} */
            type: "service";
            /** @description `checkout` */
            service: string;
        } | {
            /** @enum {string} */
            type: "workload";
            /** @description Its namespace. */
            namespace: string;
            /** @description `Deployment` */
            kind: string;
            /** @description Its name. */
            name: string;
        } | {
            /** @enum {string} */
            type: "source";
            /** @description Which. */
            source: components["schemas"]["Source"];
        };
        /** @description One process and no other: the kernel reuses a pid, but never together with its start time. */
        ProcRef: {
            /**
             * Format: int32
             * @description Process id in hale's own pid namespace.
             */
            pid: number;
            /**
             * Format: uint64
             * @description Field 22 of `/proc/PID/stat`: clock ticks between boot and the start of the process.
             */
            start_ticks: number;
            /** @description The kernel's name of the process (`comm`), for people; not part of its identity. */
            name: string;
        };
        /** @description A source of observations: one local collector each. */
        Source: "process" | "memory" | "cpu" | "gpu" | "disk" | "journal" | "network" | "unit" | "container" | "otlp" | "webhook" | "kubernetes" | "scrape";
        /**
         * @description One observation that supports a claim. A claim cites its id; an id that no observation has is
         *     an ungrounded claim.
         */
        Evidence: {
            /** @description The id to cite. */
            id: components["schemas"]["EvidenceId"];
            /** @description Which collector saw it. */
            source: components["schemas"]["Source"];
            /**
             * Format: date-time
             * @description When.
             */
            observed_at: string;
            /** @description What, in words: `RSS 412 MiB, 180 MiB more than 60 s ago`. */
            text: string;
            /**
             * Format: double
             * @description The figure itself.
             */
            value?: number | null;
            /** @description Its unit: `percent`, `bytes`, `bytes_per_sec`, `count`, `celsius`, `secs`. */
            unit?: string | null;
        };
        /** @description One observation that a claim may cite: `ob-` and ten hex digits. */
        EvidenceId: string;
        /** @description What is expected to happen. */
        Prediction: {
            /** @description The machine. */
            machine_id: components["schemas"]["MachineId"];
            /**
             * Format: date-time
             * @description When it was made.
             */
            generated_at: string;
            /** @description `disk.full`, `inodes.full`, `memory.full`. */
            kind: string;
            /** @description Of what. */
            subject: components["schemas"]["Subject"];
            /**
             * Format: uint64
             * @description Seconds until it happens if nothing changes.
             */
            eta_secs: number;
            /**
             * Format: double
             * @description 0..1: how well a straight line fits what was seen.
             */
            confidence: number;
            /** @description In words. */
            text: string;
        };
        /** @description A source's own report about one collection. */
        SourceStatus: {
            /** @description Which source. */
            source: components["schemas"]["Source"];
            /** @description How it did. */
            state: components["schemas"]["SourceState"];
            /**
             * Format: date-time
             * @description When it was last read well; none if never.
             */
            last_fresh_at?: string | null;
            /**
             * Format: uint64
             * @description How long this reading took.
             */
            took_us: number;
            /** @description Why it is stale or absent, or what was left out, in words with the place. */
            note?: string | null;
            /**
             * Format: uint64
             * @description Things seen but not kept because of a limit or because they vanished while being read.
             */
            lost: number;
        };
        /** @description How a source did in this collection. */
        SourceState: "fresh" | "stale" | "absent";
        /** @description `robot alerts` */
        AlertsView: {
            /** @description Newest first. */
            alerts: components["schemas"]["AlertView"][];
        };
        /** @description `robot incidents` */
        IncidentsView: {
            /** @description Newest first. */
            incidents: components["schemas"]["IncidentView"][];
        };
        /** @description An incident with all that belongs to it. */
        IncidentView: {
            /** @description Its id. */
            id: string;
            /** @description Ids that others gave it. */
            external_ids: string[];
            /** @description One line. */
            title: string;
            /** @description Where in its life. */
            state: string;
            /** @description How bad. */
            severity: components["schemas"]["Severity"];
            /** @description Where. */
            machine_id: components["schemas"]["MachineId"];
            /**
             * Format: date-time
             * @description Start.
             */
            opened_at: string;
            /**
             * Format: date-time
             * @description End.
             */
            closed_at?: string | null;
            /** @description Ids of its alerts. */
            alerts: string[];
            /** @description What hale thinks. */
            diagnosis?: components["schemas"]["Diagnosis"] | (null);
            /** @description What was proposed and done. */
            actions: components["schemas"]["ActionView"][];
            /** @description The story. */
            timeline: components["schemas"]["TimelineEntry"][];
        };
        /** @description What hale thinks is the cause. */
        Diagnosis: {
            /** @description The cause's short name (`ghost_storm`, `memory_leak`, `disk_filled_by_logs`): what lessons and drills compare. */
            cause_kind: string;
            /** @description The cause, in a sentence or two. */
            cause: string;
            /**
             * Format: double
             * @description 0..1.
             */
            confidence: number;
            /** @description Where it comes from. */
            source: components["schemas"]["DiagnosisSource"];
            /** @description The observations it rests on. */
            evidence: components["schemas"]["EvidenceId"][];
            /** @description How to keep it from happening again. */
            prevention?: string | null;
        };
        /** @description Where a diagnosis comes from. */
        DiagnosisSource: "local" | "runbook" | "model";
        /** @description An action as robots and screens see it. */
        ActionView: {
            /** @description Its id. */
            id: string;
            /** @description What kind. */
            kind: string;
            /** @description At what, in words. */
            target: string;
            /** @description How dangerous. */
            risk: string;
            /** @description `allow`, `ask`, `deny` */
            verdict: string;
            /** @description The guard's reasons. */
            reasons: string[];
            /** @description Where in its life. */
            state: string;
            /**
             * Format: int32
             * @description Exit code of what was called.
             */
            exit?: number | null;
            /** @description How it can be, or was, undone; in words. */
            undo?: string | null;
            /** @description Why this action. */
            why: string;
            /** @description What a person would type. */
            command: string;
            /** @description What the executor said. */
            detail?: string | null;
            /** @description What was seen afterwards. */
            observations: string[];
            /**
             * Format: date-time
             * @description When it was proposed.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it ended.
             */
            finished_at?: string | null;
        };
        /** @description One line of an incident's story. Also the `thought` of the live stream. */
        TimelineEntry: {
            /**
             * Format: date-time
             * @description When.
             */
            ts: string;
            /** @description Who. */
            agent: components["schemas"]["Agent"];
            /**
             * @description What sort of thing: `alert_opened`, `diagnosis`, `recalled`, `verdict`, `intent`, `outcome`,
             *     `verified`, `undone`, `escalated`, `resolved`, `note`.
             */
            kind: string;
            /** @description In words. */
            text: string;
        };
        /** @description The four voices of the stream of thoughts, and people. */
        Agent: "Scout" | "Brain" | "Guard" | "Fixer" | "Person";
        /** @description `robot approvals` */
        ApprovalsView: {
            /** @description Newest first. */
            approvals: components["schemas"]["ApprovalView"][];
        };
        /** @description An approval as robots and screens see it. */
        ApprovalView: {
            /** @description Its id. */
            id: string;
            /** @description `pending`, `approved`, `used`, `rejected`, `expired`, `voided` */
            state: string;
            /**
             * Format: date-time
             * @description When it was asked.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it lapses.
             */
            expires_at: string;
            /** @description The action. */
            action: components["schemas"]["ActionView"];
            /** @description Its incident. */
            incident_id?: string | null;
            /** @description What the guard said. */
            verdict: components["schemas"]["Verdict"];
            /** @description Who answered. */
            decided_by?: string | null;
            /** @description Their words. */
            why?: string | null;
        };
        /** @description The guard's answer to one action. */
        Verdict: {
            /** @description What. */
            decision: components["schemas"]["Decision"];
            /** @description How dangerous. */
            risk: components["schemas"]["Risk"];
            /** @description Whether it can be undone. */
            reversible: boolean;
            /**
             * Format: uint32
             * @description How many things it touches.
             */
            blast_radius: number;
            /** @description Why; never empty. The reason that decided comes first. */
            reasons: components["schemas"]["Reason"][];
        };
        /** @description What the guard decides. */
        Decision: "allow" | "ask" | "deny";
        /** @description How dangerous an action is; derived from the registry, never from what a model claims. */
        Risk: "info" | "warning" | "critical" | "deny";
        /** @description One reason of a verdict. */
        Reason: {
            /** @description Stable id of the rule: `guard.protected_pid`, `guard.mode.observe`, … */
            rule: string;
            /** @description In words. */
            text: string;
        };
        /** @description All services and who calls whom, over about the last minute. */
        ServicesView: {
            /**
             * Format: double
             * @description Seconds that the figures are of.
             */
            window_secs: number;
            /** @description By name. */
            services: components["schemas"]["ServiceView"][];
            /** @description Who calls whom. */
            edges: components["schemas"]["EdgeTraffic"][];
            /** @description What was received in that time. */
            intake: components["schemas"]["Intake"];
            /** @description Where nothing is received: why, and what would fill it. */
            note?: string | null;
        };
        /** @description A service as the map shows it. */
        ServiceView: {
            /** @description What the name stands for. */
            kind: components["schemas"]["NodeKind"];
            /** @description How it does. */
            health: components["schemas"]["ServiceHealth"];
            /** @description Whether an open alert names it as the first that fails. */
            suspect: boolean;
            /**
             * Format: date-time
             * @description When it last told of a request itself; none: not within the last hour.
             */
            last_heard_at?: string | null;
            /** @description What is promised of it. */
            slos: components["schemas"]["SloState"][];
            /**
             * @description Its name.
             * @default
             */
            service: string;
            /**
             * Format: uint64
             * @description Requests in the window.
             * @default 0
             */
            requests: number;
            /**
             * Format: uint64
             * @description Of these, failed.
             * @default 0
             */
            errors: number;
            /**
             * Format: uint64
             * @description Of the errors, those that something further down had caused.
             * @default 0
             */
            passed_on_errors: number;
            /**
             * Format: double
             * @description Requests a second.
             * @default null
             */
            rate_per_sec: number | null;
            /**
             * Format: double
             * @description Failed share, 0..100; none without requests.
             * @default null
             */
            error_percent: number | null;
            /**
             * Format: double
             * @description Median duration.
             * @default null
             */
            p50_ms: number | null;
            /**
             * Format: double
             * @description 95 of 100 took at most this long.
             * @default null
             */
            p95_ms: number | null;
            /**
             * Format: double
             * @description 99 of 100 took at most this long.
             * @default null
             */
            p99_ms: number | null;
            /**
             * @description By operation, busiest first.
             * @default []
             */
            operations: components["schemas"]["OperationTraffic"][];
            /**
             * @description Where it runs.
             * @default []
             */
            instances: components["schemas"]["Instance"][];
            /**
             * @description A few that failed and the slowest.
             * @default []
             */
            exemplars: components["schemas"]["Exemplar"][];
            /**
             * @description Errors in its logs, most frequent first.
             * @default []
             */
            error_logs: components["schemas"]["LogCount"][];
            /**
             * @description Newest value of each metric.
             * @default []
             */
            metrics: components["schemas"]["MetricValue"][];
        };
        /** @description What a name in the service map stands for. */
        NodeKind: "service" | "database" | "messaging" | "external";
        /** @description How a service does. */
        ServiceHealth: "healthy" | "failing" | "slow" | "unknown";
        /** @description Where an objective stands. */
        SloState: {
            /** @description Of which service. */
            service: string;
            /** @description availability or latency. */
            objective: components["schemas"]["Objective"];
            /**
             * Format: double
             * @description Share of requests that must be good, in percent.
             */
            target: number;
            /**
             * Format: uint32
             * @description Days over which it is counted.
             */
            window_days: number;
            /**
             * Format: double
             * @description For latency: milliseconds within which a request is good.
             */
            latency_ms?: number | null;
            /**
             * Format: double
             * @description Share that was good, in percent, over what hale has seen of the window; none without requests.
             */
            good_percent?: number | null;
            /**
             * Format: double
             * @description What is left of the error budget, in percent of it; negative: overspent.
             */
            budget_left_percent?: number | null;
            /**
             * Format: double
             * @description How many times faster than allowed the budget is spent, over 5 minutes and over an hour.
             */
            burn_5m?: number | null;
            /**
             * Format: double
             * @description See `burn_5m`.
             */
            burn_1h?: number | null;
            /**
             * Format: uint64
             * @description Seconds of the window that hale has seen.
             */
            seen_secs: number;
        };
        /** @description What an objective is about. */
        Objective: "availability" | "latency";
        /** @description One operation of a service in one window. */
        OperationTraffic: {
            /** @description Its name. */
            operation: string;
            /**
             * Format: uint64
             * @description Requests in the window.
             */
            requests: number;
            /**
             * Format: uint64
             * @description Of these, failed.
             */
            errors: number;
            /**
             * Format: double
             * @description Requests a second.
             */
            rate_per_sec?: number | null;
            /**
             * Format: double
             * @description Failed share, 0..100.
             */
            error_percent?: number | null;
            /**
             * Format: double
             * @description Median duration.
             */
            p50_ms?: number | null;
            /**
             * Format: double
             * @description 95 of 100 took at most this long.
             */
            p95_ms?: number | null;
            /**
             * Format: double
             * @description 99 of 100 took at most this long.
             */
            p99_ms?: number | null;
        };
        /** @description Where a service runs, told by its resource attributes. Empty: not told. */
        Instance: {
            /**
             * @description `service.instance.id`
             * @default
             */
            instance_id: string;
            /**
             * @description `container.id`
             * @default
             */
            container_id: string;
            /**
             * Format: int32
             * @description `process.pid`, in the process's own name space; 0: not told.
             * @default 0
             */
            pid: number;
            /**
             * @description `process.executable.name`
             * @default
             */
            program: string;
            /**
             * @description `host.name`
             * @default
             */
            host: string;
            /**
             * @description `service.version`
             * @default
             */
            version: string;
            /**
             * @description `k8s.namespace.name`
             * @default
             */
            namespace: string;
            /**
             * @description `k8s.deployment.name`
             * @default
             */
            deployment: string;
            /**
             * Format: uint64
             * @description Requests in this window.
             * @default 0
             */
            requests: number;
            /**
             * Format: uint64
             * @description Of these, failed.
             * @default 0
             */
            errors: number;
        };
        /** @description One request, so that a person can find it in a tracing backend or a log. */
        Exemplar: {
            /** @description Why it is kept. */
            kind: components["schemas"]["ExemplarKind"];
            /** @description 32 hexadecimal digits. */
            trace_id: string;
            /** @description 16 hexadecimal digits. */
            span_id: string;
            /** @description What was asked for. */
            operation: string;
            /**
             * Format: double
             * @description How long it took.
             */
            duration_ms: number;
            /**
             * Format: date-time
             * @description When it ended.
             */
            ended_at: string;
            /** @description Status message or exception; may be empty. Text of a program: data. */
            message: string;
            /** @description Whether it failed because something further down had. */
            passed_on: boolean;
        };
        /** @description Why a request is kept as an example. */
        ExemplarKind: "error" | "slow";
        /** @description How often a service logged an error. */
        LogCount: {
            /** @description The message, with its numbers left out. Text of a program: data. */
            template: string;
            /**
             * Format: uint64
             * @description How often in this window.
             */
            count: number;
        };
        /** @description The newest value of a metric. */
        MetricValue: {
            /** @description `http.server.active_requests` */
            metric: string;
            /** @description As sent: `ms`, `By`, `{request}`; may be empty. */
            unit: string;
            /**
             * Format: double
             * @description Gauge: the mean over its attribute sets. Sum: their sum. Histogram: the mean of what it counted.
             */
            value: number;
            /** @description What kind of figure it is. */
            kind: components["schemas"]["MetricKind"];
            /**
             * Format: double
             * @description Of a histogram with buckets: half of what came since it was sent last was at most this.
             */
            p50?: number | null;
            /**
             * Format: double
             * @description 95 of 100 of that were at most this.
             */
            p95?: number | null;
            /**
             * Format: double
             * @description 99 of 100 of that were at most this.
             */
            p99?: number | null;
        };
        /** @description What kind of figure a metric is. */
        MetricKind: "gauge" | "sum" | "histogram";
        /** @description Calls from one service to another in one window. */
        EdgeTraffic: {
            /**
             * @description Caller.
             * @default
             */
            from: string;
            /**
             * @description Callee.
             * @default
             */
            to: string;
            /**
             * @description What the callee is.
             * @default service
             */
            to_kind: components["schemas"]["NodeKind"];
            /**
             * Format: uint64
             * @description Calls in the window.
             * @default 0
             */
            requests: number;
            /**
             * Format: uint64
             * @description Of these, failed as the caller saw it.
             * @default 0
             */
            errors: number;
            /**
             * Format: uint64
             * @description Calls that the callee reported itself.
             * @default 0
             */
            answered: number;
            /**
             * Format: uint64
             * @description Of these, failed.
             * @default 0
             */
            answered_errors: number;
            /**
             * Format: double
             * @description Calls a second.
             * @default null
             */
            rate_per_sec: number | null;
            /**
             * Format: double
             * @description Failed share, 0..100.
             * @default null
             */
            error_percent: number | null;
            /**
             * Format: double
             * @description Median duration.
             * @default null
             */
            p50_ms: number | null;
            /**
             * Format: double
             * @description 95 of 100 took at most this long.
             * @default null
             */
            p95_ms: number | null;
        };
        /** @description What was received in a window. */
        Intake: {
            /**
             * Format: uint64
             * @description Spans taken in.
             * @default 0
             */
            spans: number;
            /**
             * Format: uint64
             * @description Points of metrics taken in.
             * @default 0
             */
            metric_points: number;
            /**
             * Format: uint64
             * @description Log records taken in.
             * @default 0
             */
            log_records: number;
            /**
             * Format: uint64
             * @description Spans, points and records that were invalid, and said to be so to the sender.
             * @default 0
             */
            rejected: number;
            /**
             * Format: uint64
             * @description Taken in, but counted under `other` or without their details: beyond a limit.
             * @default 0
             */
            beyond_limits: number;
            /**
             * Format: uint64
             * @description Requests that were refused: too large, malformed, or too many at once. The sender knows.
             * @default 0
             */
            refused_requests: number;
        };
        /** @description `robot runbook` */
        RunbookView: {
            /** @description What was learned; of a search, what it found. */
            lessons: components["schemas"]["LessonView"][];
            /** @description What people wrote down; of a search, what it found. */
            knowledge: components["schemas"]["KnowledgeView"][];
            /** @description The answer to a search, best first; empty in a list. */
            hits: components["schemas"]["RunbookHit"][];
        };
        /** @description A lesson. */
        LessonView: {
            /** @description Its id. */
            id: string;
            /** @description One line: what cures what on what. */
            title: string;
            /** @description What was wrong. */
            alert_kind: string;
            /** @description The class of what it was about. */
            subject_class?: string | null;
            /** @description The cause that was diagnosed. */
            cause_kind?: string | null;
            /** @description What was done. */
            action_kind: string;
            /** @description To what class of target. */
            target_class: string;
            /** @description The symptom in words. Data from the machine. */
            summary?: string | null;
            /** @description How far it is trusted. */
            trust: components["schemas"]["Trust"];
            /**
             * Format: double
             * @description How likely it is to work again, 0..1: falls with age, a verified use restores it.
             */
            reliability: number;
            /**
             * Format: uint32
             * @description Verified uses here.
             */
            successes: number;
            /**
             * Format: uint32
             * @description Of these, approved by a person since trust was lost last.
             */
            approved_successes: number;
            /**
             * Format: uint32
             * @description Failed uses here.
             */
            failures: number;
            /**
             * Format: uint32
             * @description Verified uses elsewhere, from an import.
             */
            foreign_successes: number;
            /**
             * Format: uint32
             * @description Failed uses elsewhere, from an import.
             */
            foreign_failures: number;
            /**
             * Format: date-time
             * @description The last use.
             */
            last_at: string;
            /** @description The incident that it was last learned from. */
            incident_id?: string | null;
            /** @description Why it is withdrawn, if it is. */
            withdrawn?: string | null;
        };
        /** @description How far a lesson is trusted. */
        Trust: "earned" | "known" | "unproven" | "withdrawn";
        /** @description An entry of knowledge. */
        KnowledgeView: {
            /** @description Its id. */
            id: string;
            /** @description One line. */
            title: string;
            /** @description What sort. */
            kind: components["schemas"]["KnowledgeKind"];
            /** @description The alerts that it is about. */
            alert_kinds: string[];
            /** @description Words to find it by. */
            tags: string[];
            /**
             * Format: date
             * @description The day it was last looked over.
             */
            updated: string;
            /** @description Where it comes from. */
            origin: components["schemas"]["KnowledgeOrigin"];
            /** @description Markdown; none in lists. */
            body?: string | null;
        };
        /** @description What sort of entry it is. */
        KnowledgeKind: "solution" | "gotcha" | "playbook";
        /** @description Where an entry comes from. */
        KnowledgeOrigin: "shipped" | "imported";
        /** @description Why something stands in the answer to a search, and where. */
        RunbookHit: {
            /**
             * Format: uint32
             * @description 1 is the best.
             */
            rank: number;
            /** @description Id of a lesson or an entry. */
            id: string;
            /** @description `lesson`, `solution`, `gotcha`, `playbook` */
            what: string;
            /** @description One line. */
            title: string;
            /** @description How it was found. */
            by: components["schemas"]["RecalledBy"];
            /**
             * Format: double
             * @description How well it fits, comparable among hits found in the same way.
             */
            score: number;
            /** @description The line of the text that fits best; empty if there is none. */
            excerpt: string;
        };
        /** @description How a thing was recalled; the surest way first. */
        RecalledBy: "signature" | "text" | "meaning";
        /**
         * @description One entry. `hash` covers every other field and the hash of the entry before, so that an
         *     edited, removed or reordered entry breaks the chain.
         */
        AuditEntry: {
            /**
             * Format: uint64
             * @description 1, 2, 3, … without a gap.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When.
             */
            ts: string;
            /** @description Who: `hale`, `uid:1000`, `token:NAME`. */
            actor: string;
            /**
             * @description What: `verdict`, `intent`, `outcome`, `undo`, `approve`, `reject`, `pause`, `resume`, `ack`,
             *     `close`, `note`, `autonomy`, `vacuum`, `config`, `refused`.
             */
            kind: string;
            /** @description On what: an id, a target. */
            subject: string;
            /** @description The facts, as JSON text exactly as hashed. */
            details: string;
            /** @description Hash of the entry before; 64 zeros for the first. */
            prev_hash: string;
            /** @description BLAKE3 of this entry, 64 hex digits. */
            hash: string;
        };
        /** @description The whole-machine figures alone: `GET /api/v1/metrics/summary`. */
        MetricsSummary: {
            /** @description The machine. */
            machine_id: components["schemas"]["MachineId"];
            /**
             * Format: date-time
             * @description When it was measured.
             */
            collected_at: string;
            /** @description Whole-machine figures. */
            system: components["schemas"]["System"];
            /** @description `cpu`, `memory`, `io`. */
            pressure: {
                [key: string]: components["schemas"]["Pressure"];
            };
            /** @description File systems. */
            mounts: components["schemas"]["Mount"][];
            /** @description GPUs. */
            gpus: components["schemas"]["GpuStat"][];
        };
        /** @description The answer to a SQL query: cells are JSON values in column order. */
        Table: {
            /** @description Column names. */
            columns: string[];
            /** @description Rows. */
            rows: unknown[][];
            /** @description Whether there were more rows than the limit. */
            truncated: boolean;
        };
        /** @description Courses of figures on one time axis. */
        SeriesView: {
            /**
             * Format: date-time
             * @description From.
             */
            since: string;
            /**
             * Format: date-time
             * @description To.
             */
            until: string;
            /**
             * Format: double
             * @description A point is the mean over so many seconds.
             */
            step_secs: number;
            /** @description Seconds since 1970 of each point, ascending. */
            times: number[];
            /** @description One a metric, in the order asked. */
            series: components["schemas"]["Series"][];
        };
        /** @description One course. */
        Series: {
            /** @description Of [`SERIES_METRICS`]. */
            metric: string;
            /** @description One a point; none: not measured. */
            values: (number | null)[];
        };
        /** @description Processes. */
        ProcessesView: {
            /**
             * Format: date-time
             * @description When they were looked at.
             */
            collected_at: string;
            /**
             * Format: uint64
             * @description All there are.
             */
            total: number;
            /**
             * Format: uint64
             * @description Those that fit the question.
             */
            matched: number;
            /** @description At most as many as were asked for. */
            processes: components["schemas"]["ProcessView"][];
        };
        /** @description Service units. */
        UnitsView: {
            /**
             * Format: date-time
             * @description When they were looked at.
             */
            collected_at: string;
            /** @description By name. */
            units: components["schemas"]["UnitStat"][];
        };
        /** @description Containers. */
        ContainersView: {
            /**
             * Format: date-time
             * @description When they were looked at.
             */
            collected_at: string;
            /** @description How their engine answered; none: this hale asks none. */
            source?: components["schemas"]["SourceStatus"] | (null);
            /** @description By name. */
            containers: components["schemas"]["Container"][];
        };
        /** @description Journal entries. */
        JournalView: {
            /** @description Newest first. */
            entries: components["schemas"]["JournalLine"][];
            /** @description Whether there were more than the limit. */
            truncated: boolean;
        };
        /** @description One journal entry. */
        JournalLine: {
            /**
             * Format: date-time
             * @description When it was logged.
             */
            at: string;
            /**
             * Format: uint8
             * @description 0 (emergency) to 7 (debug).
             */
            priority: number;
            /** @description systemd unit. */
            unit?: string | null;
            /** @description Program. */
            identifier?: string | null;
            /**
             * Format: int32
             * @description Process id.
             */
            pid?: number | null;
            /** @description The message. */
            message: string;
        };
        /** @description What hale runs with. */
        SettingsView: {
            /** @description hale's version. */
            version: string;
            /** @description The machine. */
            machine_id?: components["schemas"]["MachineId"] | (null);
            /** @description Mode in force. */
            mode: components["schemas"]["Mode"];
            /**
             * Format: date-time
             * @description Until when actions are stopped.
             */
            paused_until?: string | null;
            /** @description Where the configuration was read from. */
            config_path: string;
            /** @description Whether that file exists; if not, all values are defaults. */
            config_exists: boolean;
            /** @description Where hale keeps its files. */
            data_dir: string;
            /** @description The configuration in force, defaults included; secrets masked. */
            config: unknown;
            /** @description The defaults, to tell what was set. */
            defaults: unknown;
            /** @description How each source did. */
            sources: components["schemas"]["SourceStatus"][];
            /** @description Language models and their budget. */
            models: components["schemas"]["DoctorCheck"][];
            /** @description What of hale itself does not work now. */
            warnings: string[];
        };
        /** @description One check of `hale doctor`. */
        DoctorCheck: {
            /** @description What was checked. */
            name: string;
            /** @description `ok`, `warning`, `failed`, `absent` */
            state: string;
            /** @description What was found. */
            found: string;
            /** @description What to do about it. */
            fix?: string | null;
        };
        /** @description What hale achieved in a time. */
        Achieved: {
            /**
             * Format: date-time
             * @description From.
             */
            since: string;
            /**
             * Format: date-time
             * @description To.
             */
            until: string;
            /**
             * Format: uint32
             * @description Incidents that began in that time.
             */
            incidents: number;
            /**
             * Format: uint32
             * @description Of these, resolved by now.
             */
            resolved: number;
            /**
             * Format: uint32
             * @description Of these, cured by an action that was proven, with no person deciding.
             */
            cured_alone: number;
            /**
             * Format: uint32
             * @description Of these, cured by an action that a person approved or asked for.
             */
            cured_with_person: number;
            /**
             * Format: uint32
             * @description Of these, over without any action of hale.
             */
            over_by_itself: number;
            /**
             * Format: uint32
             * @description Incidents that are with a person now.
             */
            escalated: number;
            /**
             * Format: double
             * @description Mean seconds from the start of an incident to its end; none: none was resolved.
             */
            mttr_mean_secs?: number | null;
            /**
             * Format: double
             * @description Median seconds from the start of an incident to its end.
             */
            mttr_median_secs?: number | null;
            /**
             * Format: uint32
             * @description Actions that reached the world and ended in that time.
             */
            actions: number;
            /**
             * Format: uint32
             * @description Of these, proven by looking again.
             */
            actions_succeeded: number;
            /**
             * Format: double
             * @description Share of these, 0..1; none: there was no action.
             */
            success_rate?: number | null;
            /**
             * Format: double
             * @description Minutes of people's time and of downtime saved, by the formula below.
             */
            saved_minutes: number;
            /**
             * Format: double
             * @description The same in money; none where `[dashboard]` names no price of a minute.
             */
            saved_money?: number | null;
            /** @description `USD`, as `[dashboard]` says. */
            currency: string;
            /** @description How the two were calculated, with the figures. */
            formula: string;
        };
        /** @description A machine at a past moment, as far as it was stored. */
        Moment: {
            /**
             * Format: date-time
             * @description The moment that was asked for.
             */
            at: string;
            /**
             * Format: date-time
             * @description When the newest stored sample before it was measured; none: there is none near it, and then
             *     nothing below is known.
             */
            measured_at?: string | null;
            /** @description The machine. */
            machine_id: components["schemas"]["MachineId"];
            /** @description Health then. */
            health?: components["schemas"]["PastHealth"] | (null);
            /** @description Whole-machine figures. */
            system: components["schemas"]["System"];
            /** @description The leading processes; only those are stored. */
            processes: components["schemas"]["PastProcess"][];
            /** @description File systems. */
            mounts: components["schemas"]["Mount"][];
            /** @description Block devices. */
            devices: components["schemas"]["Device"][];
            /** @description Network interfaces. */
            interfaces: components["schemas"]["Interface"][];
        };
        /** @description Health at a past moment. */
        PastHealth: {
            /**
             * Format: double
             * @description 0 (worst) to 1.
             */
            score: number;
            /** @description What that means. */
            severity: components["schemas"]["Severity"];
            /** @description Why, worst first. */
            factors: components["schemas"]["HealthFactor"][];
        };
        /** @description A process at a past moment: what is stored of it. */
        PastProcess: {
            /**
             * Format: int32
             * @description Process id.
             */
            pid: number;
            /**
             * Format: uint64
             * @description Start time in clock ticks after boot.
             */
            start_ticks: number;
            /** @description The kernel's name. */
            name: string;
            /** @description Command line. */
            command: string;
            /** @description Owner. */
            user: string;
            /** @description State letter. */
            state: string;
            /**
             * Format: double
             * @description Percent of one core.
             */
            cpu_percent?: number | null;
            /**
             * Format: uint64
             * @description Resident memory.
             */
            rss_bytes: number;
            /**
             * Format: uint32
             * @description Open file descriptors.
             */
            open_fds?: number | null;
            /** @description systemd unit. */
            unit?: string | null;
            /** @description Container id. */
            container?: string | null;
        };
        /** @description An answer. */
        View: {
            /** @enum {string} */
            view: "status";
            data: components["schemas"]["StatusView"];
        } | {
            /** @enum {string} */
            view: "health";
            data: components["schemas"]["HealthView"];
        } | {
            /** @enum {string} */
            view: "alerts";
            data: components["schemas"]["AlertsView"];
        } | {
            /** @enum {string} */
            view: "alert";
            data: components["schemas"]["AlertView"];
        } | {
            /** @enum {string} */
            view: "incidents";
            data: components["schemas"]["IncidentsView"];
        } | {
            /** @enum {string} */
            view: "incident";
            data: components["schemas"]["IncidentView"];
        } | {
            /** @enum {string} */
            view: "approvals";
            data: components["schemas"]["ApprovalsView"];
        } | {
            /** @enum {string} */
            view: "approval";
            data: components["schemas"]["ApprovalView"];
        } | {
            /** @enum {string} */
            view: "action";
            data: components["schemas"]["ActionView"];
        } | {
            /** @enum {string} */
            view: "triage";
            data: components["schemas"]["TriageView"];
        } | {
            /** @enum {string} */
            view: "report";
            data: components["schemas"]["ReportView"];
        } | {
            /** @enum {string} */
            view: "explanation";
            data: components["schemas"]["Explanation"];
        } | {
            /** @enum {string} */
            view: "audit";
            data: components["schemas"]["AuditEntry"][];
        } | {
            /** @enum {string} */
            view: "audit_check";
            data: components["schemas"]["AuditCheck"];
        } | {
            /** @enum {string} */
            view: "table";
            data: components["schemas"]["Table"];
        } | {
            /** @enum {string} */
            view: "verdict";
            data: components["schemas"]["Verdict"];
        } | {
            /** @enum {string} */
            view: "runbook";
            data: components["schemas"]["RunbookView"];
        } | {
            /** @enum {string} */
            view: "runbook_entry";
            data: components["schemas"]["RunbookEntryView"];
        } | {
            /** @enum {string} */
            view: "runbook_file";
            data: components["schemas"]["Runbook"];
        } | {
            /** @enum {string} */
            view: "runbook_imported";
            data: components["schemas"]["RunbookImported"];
        } | {
            /** @enum {string} */
            view: "doctor";
            data: components["schemas"]["DoctorView"];
        } | {
            /** @enum {string} */
            view: "markdown";
            data: string;
        } | {
            /** @enum {string} */
            view: "paused";
            /** Format: date-time */
            data: string | null;
        } | {
            /** @enum {string} */
            view: "done";
            data: string;
        } | {
            /** @enum {string} */
            view: "panel";
            data: components["schemas"]["PanelView"];
        } | {
            /** @enum {string} */
            view: "tokens";
            data: components["schemas"]["TokenView"][];
        } | {
            /** @enum {string} */
            view: "token_holder";
            data: components["schemas"]["TokenView"] | (null);
        } | {
            /** @enum {string} */
            view: "token_created";
            data: components["schemas"]["TokenCreated"];
        } | {
            /** @enum {string} */
            view: "metrics";
            data: components["schemas"]["MetricsView"];
        } | {
            /** @enum {string} */
            view: "services";
            data: components["schemas"]["ServicesView"];
        } | {
            /** @enum {string} */
            view: "playbooks";
            data: components["schemas"]["PlaybooksView"];
        } | {
            /** @enum {string} */
            view: "playbook";
            data: components["schemas"]["PlaybookView"];
        } | {
            /** @enum {string} */
            view: "playbook_trial";
            data: components["schemas"]["PlaybookTrial"];
        } | {
            /** @enum {string} */
            view: "ask";
            data: components["schemas"]["AskView"];
        };
        /** @description `robot triage` */
        TriageView: {
            /** @description Most urgent first; empty if there is nothing to do. */
            items: components["schemas"]["TriageItem"][];
        };
        /** @description One line of `robot triage`. */
        TriageItem: {
            /**
             * Format: uint32
             * @description 1 is first.
             */
            rank: number;
            /** @description How bad. */
            severity: components["schemas"]["Severity"];
            /** @description What. */
            what: string;
            /** @description Why it matters, or what caused it. */
            why: string;
            /** @description What to type next, most useful first. */
            commands: string[];
        };
        /** @description `hale report` */
        ReportView: {
            /** @description The machine. */
            machine_id: components["schemas"]["MachineId"];
            /**
             * Format: date-time
             * @description From.
             */
            since: string;
            /**
             * Format: date-time
             * @description To.
             */
            until: string;
            /** @description Incidents that were open in that time, newest first. */
            incidents: components["schemas"]["IncidentView"][];
            /** @description Alerts a kind: how often and how long. */
            alert_counts: components["schemas"]["AlertCount"][];
            /** @description Actions by kind and end. */
            action_counts: components["schemas"]["ActionCount"][];
            /** @description Figures over that time: least, mean, greatest, last. */
            trends: components["schemas"]["Trend"][];
            /** @description What is expected. */
            predictions: components["schemas"]["Prediction"][];
            /**
             * Format: double
             * @description Share of that time for which telemetry exists, 0..1.
             */
            coverage: number;
        };
        /** @description A line of the report. */
        AlertCount: {
            /** @description Which kind. */
            kind: string;
            /**
             * Format: uint32
             * @description How many.
             */
            count: number;
            /**
             * Format: uint64
             * @description Seconds open, all together.
             */
            open_secs: number;
        };
        /** @description A line of the report. */
        ActionCount: {
            /** @description Which kind. */
            kind: string;
            /** @description How it ended. */
            state: string;
            /**
             * Format: uint32
             * @description How many.
             */
            count: number;
        };
        /** @description A line of the report. */
        Trend: {
            /** @description A column of the view `sys_samples`. */
            metric: string;
            /**
             * Format: double
             * @description Least.
             */
            min: number;
            /**
             * Format: double
             * @description Mean.
             */
            mean: number;
            /**
             * Format: double
             * @description Greatest.
             */
            max: number;
            /**
             * Format: double
             * @description Newest.
             */
            last: number;
        };
        /** @description `hale explain`: what it is, why it runs or fired, what to do. */
        Explanation: {
            /** @description What was asked about. */
            subject: string;
            /** @description What it is. */
            what: string;
            /** @description Why it runs, or fired. */
            why: string[];
            /** @description Facts, name and value. */
            facts: [
                string,
                string
            ][];
            /** @description What to do, most useful first. */
            advice: string[];
            /** @description Commands for that. */
            commands: string[];
            /**
             * Format: double
             * @description How sure hale is, 0..1.
             */
            confidence: number;
        };
        /** @description What `hale audit verify` found. */
        AuditCheck: {
            /**
             * Format: uint64
             * @description Entries read.
             */
            entries: number;
            /**
             * Format: uint64
             * @description The first entry that is wrong, and how; none if the chain is whole.
             */
            broken_at?: number | null;
            /** @description In words. */
            finding: string;
        };
        /** @description `hale runbook show` */
        RunbookEntryView: ({
            /** @enum {string} */
            what: "lesson";
        } & components["schemas"]["LessonView"]) | ({
            /** @enum {string} */
            what: "knowledge";
        } & components["schemas"]["KnowledgeView"]);
        /** @description A runbook as one file. */
        Runbook: {
            /** @description [`RUNBOOK_SCHEMA`] */
            schema_version: string;
            /** @description What was learned, by symptom, action and class of target. */
            lessons: components["schemas"]["ExportedLesson"][];
            /** @description What people wrote down, by id. What is part of hale itself is not repeated here. */
            knowledge: components["schemas"]["Knowledge"][];
        };
        /** @description A lesson as it travels: its record, without the right to act alone, which nobody can give away. */
        ExportedLesson: {
            /** @description What was wrong. */
            alert_kind: components["schemas"]["AlertKind"];
            /** @description What was done. */
            action_kind: components["schemas"]["ActionKind"];
            /** @description To what class of target. */
            target_class: string;
            /**
             * @description The class of what the alert was about.
             * @default null
             */
            subject_class: string | null;
            /**
             * @description The cause that was diagnosed when it last cured.
             * @default null
             */
            cause_kind: string | null;
            /**
             * @description The symptom in words.
             * @default null
             */
            summary: string | null;
            /**
             * Format: uint32
             * @description Times it was verified, wherever that was.
             */
            successes: number;
            /**
             * Format: uint32
             * @description Times it failed, wherever that was.
             */
            failures: number;
            /**
             * Format: date-time
             * @description The last time.
             */
            last_at: string;
            /**
             * @description Why it is not trusted, if so.
             * @default null
             */
            withdrawn: string | null;
        };
        AlertKind: string;
        /** @description The kind of an action, by the name that users and scripts see. */
        ActionKind: "process.kill" | "process.pause" | "process.renice" | "service.restart" | "service.start" | "service.stop" | "memory.drop_caches" | "disk.clean" | "command.run" | "notify" | "container.restart" | "container.start" | "container.stop" | "container.set_memory" | "k8s.rollout_restart" | "k8s.rollback" | "k8s.scale";
        /** @description One entry. Text for people and, fenced, for models: never an instruction to hale. */
        Knowledge: {
            /** @description Its name: small letters, digits, `.`, `_` and `-`. */
            id: string;
            /** @description One line. */
            title: string;
            /** @description What sort. */
            kind: components["schemas"]["KnowledgeKind"];
            /**
             * @description The alerts that it is about.
             * @default []
             */
            alert_kinds: components["schemas"]["AlertKind"][];
            /**
             * @description Words to find it by.
             * @default []
             */
            tags: string[];
            /**
             * Format: date
             * @description The day it was last looked over.
             */
            updated: string;
            /** @description Markdown. */
            body: string;
        };
        /** @description `hale runbook import` */
        RunbookImported: {
            /**
             * Format: uint32
             * @description Lessons and entries that were not there before.
             */
            added: number;
            /**
             * Format: uint32
             * @description Those that are now otherwise than before.
             */
            changed: number;
            /**
             * Format: uint32
             * @description Those that were there already.
             */
            unchanged: number;
        };
        /** @description `hale doctor` */
        DoctorView: {
            /** @description Every check. */
            checks: components["schemas"]["DoctorCheck"][];
        };
        /** @description An answer to a screen. */
        PanelView: {
            /** @enum {string} */
            panel: "moment";
            data: components["schemas"]["Moment"];
        } | {
            /** @enum {string} */
            panel: "series";
            data: components["schemas"]["SeriesView"];
        } | {
            /** @enum {string} */
            panel: "processes";
            data: components["schemas"]["ProcessesView"];
        } | {
            /** @enum {string} */
            panel: "units";
            data: components["schemas"]["UnitsView"];
        } | {
            /** @enum {string} */
            panel: "journal";
            data: components["schemas"]["JournalView"];
        } | {
            /** @enum {string} */
            panel: "settings";
            data: components["schemas"]["SettingsView"];
        } | {
            /** @enum {string} */
            panel: "achieved";
            data: components["schemas"]["Achieved"];
        } | {
            /** @enum {string} */
            panel: "containers";
            data: components["schemas"]["ContainersView"];
        };
        /** @description A token as screens see it: never the token itself. */
        TokenView: {
            /** @description The name it was given. */
            name: string;
            /** @description The part of it that is no secret. */
            id: string;
            /** @description What its holder may do. */
            role: components["schemas"]["Role"];
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description By whom. */
            created_by: string;
            /**
             * Format: date-time
             * @description When it ends by itself.
             */
            expires_at?: string | null;
            /**
             * Format: date-time
             * @description When it was revoked.
             */
            revoked_at?: string | null;
        };
        /** @description What a caller may do. Each may do what the ones before it may. */
        Role: "viewer" | "operator" | "admin";
        /** @description A token that was just made. */
        TokenCreated: {
            /** @description The token: shown this once. */
            token: string;
            /** @description What is kept. */
            view: components["schemas"]["TokenView"];
        };
        /** @description What hale counts about itself, over all that is stored. */
        MetricsView: {
            /**
             * Format: date-time
             * @description When the agent began.
             */
            started_at?: string | null;
            /** @description Its mode. */
            mode: string;
            /** @description Whether actions are stopped. */
            paused: boolean;
            /**
             * Format: uint64
             * @description Looks at the machine since the agent began.
             */
            turns: number;
            /** @description Alerts that are not closed, by kind and severity. */
            open_alerts: components["schemas"]["Tally"][];
            /** @description Every alert so far, by kind and state. */
            alerts: components["schemas"]["Tally"][];
            /** @description Every incident so far, by severity and state. */
            incidents: components["schemas"]["Tally"][];
            /** @description Every action so far, by kind and state. */
            actions: components["schemas"]["Tally"][];
            /**
             * Format: uint64
             * @description Approvals that wait for a person.
             */
            approvals_pending: number;
            /** @description Incidents that are over, however they ended. */
            repair: components["schemas"]["RepairTimes"];
            /** @description Those that an action of hale's ended. */
            cured: components["schemas"]["RepairTimes"];
            /** @description Each machine's health. */
            health: components["schemas"]["Health"][];
            /**
             * Format: uint64
             * @description The number of the newest event of the live stream.
             */
            events: number;
        };
        /** @description How many there are of something, by two of its properties. */
        Tally: {
            /** @description The first property, such as its kind. */
            kind: string;
            /** @description The second one, such as its state. */
            state: string;
            /**
             * Format: uint64
             * @description How many.
             */
            count: number;
        };
        /** @description How long incidents took from their first alert to their end. */
        RepairTimes: {
            /** @description For each of [`REPAIR_BUCKETS_SECS`]: how many took no longer. */
            within: number[];
            /**
             * Format: uint64
             * @description How many there are.
             */
            count: number;
            /**
             * Format: double
             * @description Their sum, in seconds.
             */
            sum_secs: number;
        };
        /** @description How well a machine is. */
        Health: {
            /** @description The machine. */
            machine_id: components["schemas"]["MachineId"];
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /**
             * Format: double
             * @description 0 (worst) to 1.
             */
            score: number;
            /** @description What that score means. */
            severity: components["schemas"]["Severity"];
            /** @description The factor that weighs most, as one sentence; none if all is well. */
            top_issue?: string | null;
            /** @description The reasons, worst first. */
            factors: components["schemas"]["HealthFactor"][];
        };
        /** @description Every playbook, and what is wrong with those that cannot be used. */
        PlaybooksView: {
            /** @description By name. */
            playbooks: components["schemas"]["PlaybookView"][];
            /** @description Of the user's own files. */
            problems: components["schemas"]["PlaybookProblem"][];
        };
        /** @description A playbook as it is shown. */
        PlaybookView: {
            /** @description Where it comes from. */
            origin: components["schemas"]["PlaybookOrigin"];
            /** @description Its file. */
            file: string;
            /**
             * Format: uint32
             * @description How specific its trigger is: of several that apply the one with the greatest number is used.
             */
            specificity: number;
            /** @description Itself. */
            playbook: components["schemas"]["Playbook"];
        };
        /** @description Where a playbook comes from. */
        PlaybookOrigin: "shipped" | "own";
        /**
         * @description A playbook: when it applies, what it takes to be the cause, what is done in which order, how
         *     success is told, what happens where it is not, and when a person is called.
         */
        Playbook: {
            /** @description `hale.playbook.v1` */
            schema: string;
            /** @description Its name: at most 64 of a-z, 0-9 and `-`. */
            name: string;
            /**
             * Format: uint32
             * @description Its version: raise it with every change, the timeline names it.
             */
            version: number;
            /** @description One line. */
            title: string;
            /**
             * @description What it is for, and when not to use it.
             * @default
             */
            description: string;
            /**
             * @description false: it is listed and never used by itself.
             * @default true
             */
            enabled: boolean;
            /** @description When it applies. */
            trigger: components["schemas"]["Trigger"];
            /** @description What is checked before anything is done, and what is then taken to be the cause. */
            diagnosis: components["schemas"]["PlaybookDiagnosis"];
            /** @description The rungs of a ladder: the first that applies is done; the next only where it did not help. */
            treatment: components["schemas"]["Rung"][];
            /**
             * @description How success is told, beside what each action must show by itself.
             * @default {
             *       "finding_gone": false,
             *       "mount_free_percent": null,
             *       "units_active": [],
             *       "http_ok": [],
             *       "tcp_open": [],
             *       "hold": null,
             *       "within": null
             *     }
             */
            verification: components["schemas"]["PlaybookVerification"];
            /**
             * @description What happens to what was done where it did not help.
             * @default {
             *       "on_failure": "undo",
             *       "by_hand": null
             *     }
             */
            rollback: components["schemas"]["Rollback"];
            /** @description When a person is called. */
            escalation: components["schemas"]["Escalation"];
        };
        /** @description When a playbook applies. Everything that is written must hold. */
        Trigger: {
            /** @description The kinds of alert: one of these. */
            alerts: components["schemas"]["AlertKind"][];
            /**
             * @description At least so severe.
             * @default null
             */
            severity: components["schemas"]["Severity"] | (null);
            /**
             * @description What the alert is about: one of these. Empty: anything.
             * @default []
             */
            subject: components["schemas"]["SubjectType"][];
            /**
             * @description Labels that whoever reported it must have given, each with this value; `*` stands for any text.
             * @default {}
             */
            labels: {
                [key: string]: string;
            };
            /**
             * @description Open for at least so long.
             * @default null
             */
            open_for: components["schemas"]["Span"] | (null);
            /**
             * @description Conditions in the language of rules over `alert`, `subject`, `vars`, `labels`, `target`,
             *     `system`, `host`, `tcp` and `config`: all must be true. What is not known is not true.
             * @default []
             */
            when: string[];
        };
        /** @description What an alert is about, by its type. */
        SubjectType: "machine" | "process" | "process_group" | "unit" | "mount" | "sensor" | "metric" | "journal" | "container" | "service" | "workload" | "source";
        /** @description A span of time: `90s`, `5m`, `2h`, `1d`, or a number of seconds. */
        Span: string | number;
        /** @description What is checked before anything is done, and what is then taken to be the cause. */
        PlaybookDiagnosis: {
            /** @description The cause's short name: `disk_full`, `memory_leak`, … or one of your own. */
            cause_kind: string;
            /** @description The cause in a sentence or two; `{figure}` stands for a figure of the alert. */
            explanation: string;
            /**
             * Format: double
             * @description How sure that is, 0..1.
             * @default 0.7
             */
            confidence: number;
            /**
             * @description Sources that must have been read just now.
             * @default []
             */
            sources: components["schemas"]["Source"][];
            /**
             * @description What must be seen: where one is not true or not known, the playbook does not apply.
             * @default []
             */
            evidence: components["schemas"]["Check"][];
            /**
             * @description How to keep it from happening again.
             * @default null
             */
            prevention: string | null;
        };
        /** @description One thing that must be seen. */
        Check: {
            /** @description A condition, as in `trigger.when`. */
            check: string;
            /** @description What it shows, in words; `{figure}` stands for a figure of the alert. */
            says: string;
        };
        /** @description One rung of the ladder: steps that are done in this order. */
        Rung: {
            /** @description Its name. */
            rung: string;
            /**
             * @description Only where this is true; as in `trigger.when`.
             * @default null
             */
            when: string | null;
            /** @description In this order; the first that fails ends the rung. */
            steps: components["schemas"]["Step"][];
        };
        /** @description One action, with what it needs. Which of the optional keys an action takes is in docs/playbooks.md. */
        Step: {
            /** @description What. */
            action: components["schemas"]["ActionKind"];
            /**
             * @description On what: `subject` (what the alert is about), `owner` (the unit, container or workload that it
             *     belongs to), `culprit` (the one process that explains a shortage of the machine), or by name:
             *     `unit:nginx.service`, `container:web`, `workload:shop/deployment/web`, `mount:/var`.
             * @default subject
             */
            target: string;
            /** @description Why this helps, for people. */
            why: string;
            /**
             * @description process.kill: KILL at once.
             * @default null
             */
            force: boolean | null;
            /**
             * @description process.kill: between TERM and KILL.
             * @default null
             */
            grace: components["schemas"]["Span"] | (null);
            /**
             * Format: int32
             * @description process.renice: from -20 to 19.
             * @default null
             */
            nice: number | null;
            /**
             * @description disk.clean: ways of cleaning, in this order. Not given: all that apply.
             * @default null
             */
            means: components["schemas"]["Means"][] | null;
            /**
             * Format: uint64
             * @description disk.clean: what of the journal may remain, in MiB.
             * @default null
             */
            journal_keep_mib: number | null;
            /**
             * @description disk.clean: only files that were not changed for so long.
             * @default null
             */
            older_than: components["schemas"]["Span"] | (null);
            /**
             * Format: double
             * @description disk.clean: enough free space, in percent.
             * @default null
             */
            free_percent: number | null;
            /**
             * Format: double
             * @description container.set_memory: the new limit as a multiple of the old one.
             * @default null
             */
            memory_factor: number | null;
            /**
             * Format: uint32
             * @description k8s.scale: so many replicas, within `[kubernetes]`.
             * @default null
             */
            replicas: number | null;
            /**
             * Format: int32
             * @description k8s.scale: so many more (or fewer) than now, within `[kubernetes]`.
             * @default null
             */
            replicas_by: number | null;
            /**
             * @description command.run: in bash's grammar; `{figure}` becomes one quoted word.
             * @default null
             */
            command: string | null;
            /**
             * @description command.run: ended after so long.
             * @default null
             */
            timeout: components["schemas"]["Span"] | (null);
            /**
             * @description notify: what; `{figure}` stands for a figure of the alert.
             * @default null
             */
            message: string | null;
            /**
             * @description notify: how bad.
             * @default null
             */
            severity: components["schemas"]["Severity"] | (null);
        };
        /** @description A way of cleaning. */
        Means: "package_cache" | "journal" | "old_files";
        /**
         * @description How success is told. What each action must show by itself, and that the alert's finding is gone
         *     where that shows at once, is always asked; this adds to it and never takes away.
         */
        PlaybookVerification: {
            /**
             * @description The finding must be gone, also where that takes its time.
             * @default false
             */
            finding_gone: boolean;
            /**
             * Format: double
             * @description The subject's mount has at least so much free.
             * @default null
             */
            mount_free_percent: number | null;
            /**
             * @description These units are active.
             * @default []
             */
            units_active: string[];
            /**
             * @description These answer a GET with 200 to 299; only this machine and containers on it are asked.
             * @default []
             */
            http_ok: string[];
            /**
             * @description These take a TCP connection; only this machine and containers on it are asked.
             * @default []
             */
            tcp_open: string[];
            /**
             * @description How long everything must hold without a break; the action's own time where it is longer.
             * @default null
             */
            hold: components["schemas"]["Span"] | (null);
            /**
             * @description Given up after so long; the action's own time where none is given.
             * @default null
             */
            within: components["schemas"]["Span"] | (null);
        };
        /** @description What happens to what was done where it did not help. */
        Rollback: {
            /**
             * @description `undo`: it is put back where it can be. `keep`: it stays, because half a cure is better than none.
             * @default undo
             */
            on_failure: components["schemas"]["OnFailure"];
            /**
             * @description What a person does about what cannot be put back.
             * @default null
             */
            by_hand: string | null;
        };
        /** @description What happens to what was done where it did not help. */
        OnFailure: "undo" | "keep";
        /** @description When a person is called: when every rung was tried in vain, or earlier. */
        Escalation: {
            /**
             * @description No further rung is begun so long after the alert opened: then a person is called.
             * @default null
             */
            after: components["schemas"]["Span"] | (null);
            /** @description Who: a person, a team, a rota. Shown in every notification of the escalation. */
            tell: string;
            /**
             * @description What they should know; `{figure}` stands for a figure of the alert.
             * @default null
             */
            message: string | null;
            /**
             * @description Commands to look with; `{figure}` becomes one quoted word.
             * @default []
             */
            commands: string[];
        };
        /** @description Something that is wrong with a playbook. */
        PlaybookProblem: {
            /** @description The file. */
            file: string;
            /**
             * Format: uint64
             * @description The line, from 1.
             */
            line: number;
            /** @description The key: `trigger.alerts`; empty where the text is not YAML at all. */
            field: string;
            /** @description What is wrong. */
            what: string;
            /** @description What would be right. */
            hint?: string | null;
        };
        /** @description A playbook held against the machine as it is now. Nothing is done. */
        PlaybookTrial: {
            /** @description Its name. */
            name: string;
            /**
             * Format: uint32
             * @description Its version.
             */
            version: number;
            /** @description The alert it was held against; none for a target that a person named. */
            alert_id?: string | null;
            /** @description What it would be done to, for people. */
            subject: string;
            /** @description Whether it would be used by itself. */
            applies: boolean;
            /** @description Conditions of trigger and diagnosis, as they are now. */
            conditions: components["schemas"]["ConditionSeen"][];
            /** @description What would be taken to be the cause. */
            cause: string;
            /** @description The ladder. */
            rungs: components["schemas"]["TriedRung"][];
            /** @description Who is called where nothing helps. */
            tell: string;
        };
        /** @description One condition of a playbook, as it is now. */
        ConditionSeen: {
            /** @description The condition, in words. */
            text: string;
            /** @description Whether it holds; none: not known. */
            holds?: boolean | null;
        };
        /** @description One rung as it would be done. */
        TriedRung: {
            /** @description Its name. */
            rung: string;
            /** @description Its steps; empty where it cannot be done now. */
            steps: components["schemas"]["TriedStep"][];
            /** @description Why it cannot be done now. */
            not_because?: string | null;
        };
        /** @description One step as it would be done. */
        TriedStep: {
            /** @description What, aimed at what is there now. */
            step: components["schemas"]["PlanStep"];
            /** @description What the guard says to it, asked by the loop itself. */
            verdict: components["schemas"]["Verdict"];
        };
        /** @description A step of a plan, with the reason for it. */
        PlanStep: {
            /** @description What. */
            action: components["schemas"]["Action"];
            /** @description Why this helps. */
            why: string;
            /** @description What a person would type to do the same. */
            command: string;
            /** @description What must be seen afterwards. */
            expectation: components["schemas"]["Expectation"];
        };
        /** @description Something hale can do to a machine. Every mode decides about every one of these without `_`. */
        Action: {
            /** @enum {string} */
            kind: "process.kill";
            /** @description Exactly these. */
            targets: components["schemas"]["ProcRef"][];
            /**
             * Format: uint32
             * @description Seconds between TERM and KILL.
             */
            grace_secs: number;
            /** @description KILL at once. */
            force: boolean;
            /** @description Also the other members of each target's process group, one by one, as they are at that moment. */
            group: boolean;
        } | {
            /** @enum {string} */
            kind: "process.pause";
            /** @description Which. */
            target: components["schemas"]["ProcRef"];
        } | {
            /** @enum {string} */
            kind: "process.renice";
            /** @description Which. */
            target: components["schemas"]["ProcRef"];
            /**
             * Format: int32
             * @description New value, -20 to 19.
             */
            nice: number;
        } | {
            /** @enum {string} */
            kind: "service.restart";
            /** @description `nginx.service` */
            unit: string;
            /** @description The run that was judged; if the unit has another by now, the plan is stale. */
            invocation_id?: string | null;
        } | {
            /** @enum {string} */
            kind: "service.start";
            /** @description Which. */
            unit: string;
        } | {
            /** @enum {string} */
            kind: "service.stop";
            /** @description Which. */
            unit: string;
            /** @description The run that was judged. */
            invocation_id?: string | null;
        } | {
            /** @enum {string} */
            kind: "memory.drop_caches";
        } | {
            /** @enum {string} */
            kind: "disk.clean";
            /** @description The file system that is short. */
            mount_point: string;
            /** @description How, in this order, until it is enough. */
            means: components["schemas"]["CleanMeans"][];
            /**
             * Format: double
             * @description Enough free space, in percent; 100: everything that may go, goes (where inodes are short).
             */
            target_free_percent: number;
        } | {
            /** @enum {string} */
            kind: "command.run";
            /** @description In bash's grammar, as a person would type it. */
            command: string;
            /** @description Absolute; none: hale's own. */
            working_dir?: string | null;
            /**
             * Format: uint32
             * @description Ended after so long.
             */
            timeout_secs: number;
        } | {
            /** @enum {string} */
            kind: "notify";
            /** @description What. */
            message: string;
            /** @description How bad. */
            severity: components["schemas"]["Severity"];
        } | {
            /** @enum {string} */
            kind: "container.restart";
            /** @description Which, and which of its runs was judged. */
            container: components["schemas"]["ContainerRef"];
        } | {
            /** @enum {string} */
            kind: "container.start";
            /** @description Which, and after which of its runs. */
            container: components["schemas"]["ContainerRef"];
        } | {
            /** @enum {string} */
            kind: "container.stop";
            /** @description Which, and which of its runs was judged. */
            container: components["schemas"]["ContainerRef"];
        } | {
            /** @enum {string} */
            kind: "container.set_memory";
            /** @description Which, and which of its runs was judged. */
            container: components["schemas"]["ContainerRef"];
            /**
             * Format: uint64
             * @description The new limit.
             */
            limit_bytes: number;
        } | {
            /** @enum {string} */
            kind: "k8s.rollout_restart";
            /** @description Which, and which state of its specification was judged. */
            workload: components["schemas"]["WorkloadRef"];
        } | {
            /** @enum {string} */
            kind: "k8s.rollback";
            /** @description Which, and which state of its specification was judged. */
            workload: components["schemas"]["WorkloadRef"];
        } | {
            /** @enum {string} */
            kind: "k8s.scale";
            /** @description Which, and which state of its specification was judged. */
            workload: components["schemas"]["WorkloadRef"];
            /**
             * Format: uint32
             * @description Wanted.
             */
            replicas: number;
        };
        /** @description A way to free disk space. */
        CleanMeans: {
            /** @enum {string} */
            means: "journal_vacuum";
            /**
             * Format: uint64
             * @description What may remain.
             */
            keep_bytes: number;
        } | {
            /** @enum {string} */
            means: "package_cache";
        } | {
            /** @enum {string} */
            means: "old_files";
            /** @description Absolute directories. */
            directories: string[];
            /**
             * Format: uint64
             * @description Only files not modified for this long.
             */
            older_than_secs: number;
        } | {
            /** @enum {string} */
            means: "make_room";
            /** @description Absolute directories. */
            directories: string[];
            /**
             * Format: uint64
             * @description Only files not modified for this long.
             */
            older_than_secs: number;
        };
        /**
         * @description One container, and which of its runs: a container keeps its id when it is restarted, and a name
         *     may be given to another.
         */
        ContainerRef: {
            /** @description Its id, 64 hexadecimal digits. */
            id: string;
            /** @description Its name. */
            name: string;
            /**
             * Format: date-time
             * @description When the run that was judged began; none if it never ran. If the container has another run
             *     by now, what was judged is over.
             */
            started_at?: string | null;
        };
        /**
         * @description One workload, and which state of its specification was judged: a name may be given to another, and
         *     a specification that somebody changed meanwhile is not what was judged.
         */
        WorkloadRef: {
            /** @description Its namespace. */
            namespace: string;
            /** @description What it is. */
            kind: components["schemas"]["WorkloadKind"];
            /** @description Its name. */
            name: string;
            /** @description Its identity. */
            uid: string;
            /**
             * Format: int64
             * @description Which state of its specification; counted up by the API server with every change.
             */
            generation: number;
        };
        /** @description What must be observed after an action for it to count as a cure. */
        Expectation: {
            /** @description All of these. */
            conditions: components["schemas"]["Condition"][];
            /**
             * Format: uint64
             * @description How long they must hold without a break.
             */
            hold_secs: number;
            /**
             * Format: uint64
             * @description Give up if they do not hold this long after the action ended.
             */
            within_secs: number;
        };
        /** @description Something that can be seen in a snapshot. */
        Condition: {
            /** @enum {string} */
            type: "processes_gone";
            /** @description Which. */
            targets: components["schemas"]["ProcRef"][];
        } | {
            /** @enum {string} */
            type: "process_stopped";
            /** @description Which. */
            target: components["schemas"]["ProcRef"];
        } | {
            /** @enum {string} */
            type: "process_nice";
            /** @description Which. */
            target: components["schemas"]["ProcRef"];
            /**
             * Format: int32
             * @description Wanted.
             */
            nice: number;
        } | {
            /** @enum {string} */
            type: "unit_active";
            /** @description Which. */
            unit: string;
        } | {
            /** @enum {string} */
            type: "unit_inactive";
            /** @description Which. */
            unit: string;
        } | {
            /** @enum {string} */
            type: "unit_steady";
            /** @description Which. */
            unit: string;
            /**
             * Format: uint32
             * @description Restarts counted when the action ended.
             */
            restarts: number;
        } | {
            /** @enum {string} */
            type: "mount_free";
            /** @description Where. */
            mount_point: string;
            /**
             * Format: double
             * @description In percent.
             */
            free_percent: number;
        } | {
            /** @enum {string} */
            type: "finding_gone";
            /** @description Which kind. */
            alert_kind: components["schemas"]["AlertKind"];
            /** @description About what. */
            subject: components["schemas"]["Subject"];
        } | {
            /** @enum {string} */
            type: "container_running";
            /** @description Which; its `started_at` is the run that must be over, where there is one. */
            container: components["schemas"]["ContainerRef"];
        } | {
            /** @enum {string} */
            type: "container_stopped";
            /** @description Which. */
            container: components["schemas"]["ContainerRef"];
        } | {
            /** @enum {string} */
            type: "container_healthy";
            /** @description Which. */
            container: components["schemas"]["ContainerRef"];
        } | {
            /** @enum {string} */
            type: "container_steady";
            /** @description Which. */
            container: components["schemas"]["ContainerRef"];
        } | {
            /** @enum {string} */
            type: "container_memory_limit";
            /** @description Which. */
            container: components["schemas"]["ContainerRef"];
            /**
             * Format: uint64
             * @description Wanted.
             */
            limit_bytes: number;
        } | {
            /** @enum {string} */
            type: "http_ok";
            /** @description Of this machine, or of a container on it. */
            url: string;
        } | {
            /** @enum {string} */
            type: "tcp_open";
            /** @description Of this machine, or of a container on it. */
            address: string;
        } | {
            /** @enum {string} */
            type: "rollout_complete";
            /** @description Which; its generation is the one that was judged. */
            workload: components["schemas"]["WorkloadRef"];
        } | {
            /** @enum {string} */
            type: "workload_replicas";
            /** @description Which. */
            workload: components["schemas"]["WorkloadRef"];
            /**
             * Format: uint32
             * @description Wanted.
             */
            replicas: number;
        } | {
            /** @enum {string} */
            type: "reports_over";
            /** @description Which kind. */
            alert_kind: components["schemas"]["AlertKind"];
            /** @description About what. */
            subject: components["schemas"]["Subject"];
        };
        /** @description A sentence from end to end: the plan, the ways on after failures, and how it ended. */
        AskView: {
            /** @description Its id. */
            plan_id: components["schemas"]["PlanId"];
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description What the person said; none where a command is run again. */
            sentence?: string | null;
            /** @description What was understood and how it is done. */
            reasoning: string;
            /** @description Where the commands came from. */
            origin: components["schemas"]["PlanOrigin"];
            /** @description The earlier sentence, where it was not this very one that was done before. */
            similar_to?: string | null;
            /** @description Where they run. */
            working_dir: string;
            /** @description The commands; each runs only when the one before succeeded. */
            steps: components["schemas"]["AskStep"][];
            /** @description What has to be known first; then there are no steps. */
            question?: string | null;
            /** @description What was done after failures, in that order. */
            recoveries: components["schemas"]["AskPlan"][];
            /** @description Whether the sentence was carried out; none: nothing was run. */
            succeeded?: boolean | null;
        };
        /** @description A plan: `pl-` and ten hex digits. */
        PlanId: string;
        /** @description Where the commands for a sentence came from. */
        PlanOrigin: {
            /** @enum {string} */
            origin: "local";
            /** @description The intent's id: `files.big`. */
            intent: string;
        } | {
            /** @enum {string} */
            origin: "remembered";
            /** @description The plan that was done then. */
            plan_id: components["schemas"]["PlanId"];
            /**
             * Format: date-time
             * @description When it last succeeded.
             */
            last_at: string;
        } | {
            /** @enum {string} */
            origin: "model";
            /** @description `anthropic` */
            provider: string;
            /** @description The model, as its provider names it. */
            model: string;
        } | {
            /** @enum {string} */
            origin: "heal";
            /** @description The rule's id: `heal.port_in_use`. */
            rule: string;
        } | {
            /** @enum {string} */
            origin: "history";
        };
        /** @description One step of a plan for a sentence. */
        AskStep: {
            /** @description The command, exactly as it would be run. */
            command: string;
            /** @description What it is for. */
            why: string;
            /** @description What the guard says to it: risk, decision, reasons. */
            verdict: components["schemas"]["Verdict"];
            /** @description How it ended; none: not run. */
            run?: components["schemas"]["Run"] | (null);
        };
        /** @description One command that was run for a person. */
        Run: {
            /** @description Its id. */
            id: components["schemas"]["RunId"];
            /** @description The plan it is a step of. */
            plan_id: components["schemas"]["PlanId"];
            /**
             * Format: uint32
             * @description Which step, from 0.
             */
            step: number;
            /** @description Its action in the record of actions and in the audit chain. */
            action_id: components["schemas"]["ActionId"];
            /**
             * Format: date-time
             * @description When it began.
             */
            at: string;
            /** @description What the person said; none where a command was run again. */
            sentence?: string | null;
            /** @description The command, exactly as it was shown and run. */
            command: string;
            /** @description What it was for. */
            why: string;
            /** @description Where it ran. */
            working_dir?: string | null;
            /** @description What the guard found it to be. */
            risk: components["schemas"]["Risk"];
            /** @description Where it came from. */
            origin: components["schemas"]["PlanOrigin"];
            /**
             * Format: int32
             * @description Its exit code; none while it runs, and where a signal ended it.
             */
            exit?: number | null;
            /** @description How it ended, in words; none while it runs, and where hale was cut off with it. */
            how?: string | null;
            /**
             * Format: uint64
             * @description How long it took; none as for `how`.
             */
            duration_ms?: number | null;
            /** @description The end of its output, both streams, at most [`RUN_OUTPUT_BYTES_MAX`]. */
            output: string;
        };
        /** @description A command that was run for a person: `ru-` and ten hex digits. */
        RunId: string;
        /** @description An action: `ac-` and ten hex digits. */
        ActionId: string;
        /** @description What a sentence came to. */
        AskPlan: {
            /** @description Its id. */
            plan_id: components["schemas"]["PlanId"];
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description What the person said; none where a command is run again. */
            sentence?: string | null;
            /** @description What was understood and how it is done. */
            reasoning: string;
            /** @description Where the commands came from. */
            origin: components["schemas"]["PlanOrigin"];
            /** @description The earlier sentence, where it was not this very one that was done before. */
            similar_to?: string | null;
            /** @description Where they run. */
            working_dir: string;
            /** @description The commands; each runs only when the one before succeeded. */
            steps: components["schemas"]["AskStep"][];
            /** @description What has to be known first; then there are no steps. */
            question?: string | null;
        };
        Error: {
            error: components["schemas"]["ApiError"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get_healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description whether the agent answers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description what hale counts about itself, for Prometheus */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_openapi_json: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description this document */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description how well each machine is, and why */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["HealthView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_machines: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the machines */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["MachinesView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_machines_id_overview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description one machine now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["StatusView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_alerts: {
        parameters: {
            query?: {
                /** @description open, acknowledged or closed; else the first two */
                state?: string;
                /** @description at most so many */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description alerts, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["AlertsView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_alerts_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description one alert */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["AlertView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_incidents: {
        parameters: {
            query?: {
                /** @description only this state */
                state?: string;
                /** @description at most so many */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description incidents, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["IncidentsView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_incidents_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description one incident with its story */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["IncidentView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_incidents_id_postmortem: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description written up for people */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/markdown": string;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_approvals: {
        parameters: {
            query?: {
                /** @description also those that are decided */
                all?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description questions that wait for a person */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["ApprovalsView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_services: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description services that send telemetry, who calls whom, objectives */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["ServicesView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_runbook: {
        parameters: {
            query?: {
                /** @description words */
                search?: string;
                /** @description about this kind of alert */
                kind?: string;
                /** @description at most so many */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description what was learned and written down */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["RunbookView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_audit: {
        parameters: {
            query?: {
                /** @description at most so many */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the newest decisions and actions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: {
                            entries: components["schemas"]["AuditEntry"][];
                        };
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_metrics_summary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description figures of the machine */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["MetricsSummary"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_query: {
        parameters: {
            query: {
                /** @description the statement */
                sql: string;
                /** @description at most so many */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description one SQL statement that only reads */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["Table"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_stream: {
        parameters: {
            query?: {
                /** @description as the header Last-Event-ID */
                after?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description what happens, as server-sent events: alert, incident, thought, health, action, prediction, gap */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_series: {
        parameters: {
            query: {
                /** @description columns of sys_samples, with commas between */
                metrics: string;
                /** @description from; else an hour ago */
                since?: string;
                /** @description to; else now */
                until?: string;
                /** @description at most so many */
                points?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description courses of figures */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["SeriesView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_processes: {
        parameters: {
            query?: {
                /** @description words */
                search?: string;
                /** @description by what */
                sort?: string;
                /** @description at most so many */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description processes now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["ProcessesView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_units: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description services */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["UnitsView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_containers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description containers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["ContainersView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_journal: {
        parameters: {
            query?: {
                /** @description from; else an hour ago */
                since?: string;
                /** @description to; else now */
                until?: string;
                /** @description at least this serious: 0 to 7 */
                priority?: number;
                /** @description words */
                search?: string;
                /** @description at most so many */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description lines of the journal */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["JournalView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_settings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description what hale goes by */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["SettingsView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_achieved: {
        parameters: {
            query?: {
                /** @description from; else an hour ago */
                since?: string;
                /** @description to; else now */
                until?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description what hale achieved */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["Achieved"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_past_moment: {
        parameters: {
            query: {
                /** @description the moment */
                at: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the machine then */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["Moment"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_past_alerts: {
        parameters: {
            query: {
                /** @description the moment */
                at: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description alerts then */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["AlertsView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_past_incidents: {
        parameters: {
            query: {
                /** @description the moment */
                at: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description incidents then */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["IncidentsView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_past_incidents_id: {
        parameters: {
            query: {
                /** @description the moment */
                at: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description one then */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["IncidentView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_past_approvals: {
        parameters: {
            query: {
                /** @description the moment */
                at: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description questions then */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["ApprovalsView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_past_audit: {
        parameters: {
            query: {
                /** @description the moment */
                at: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the chain until then */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: {
                            entries: components["schemas"]["AuditEntry"][];
                        };
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_alerts_id_ack: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description take an alert */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_alerts_id_close: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description in your words */
                    why?: string;
                };
            };
        };
        responses: {
            /** @description close an alert */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_ask: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description what you want, in your words */
                    sentence: string;
                    /** @description en, fr or ko, where the sentence does not tell */
                    language?: string;
                };
            };
        };
        responses: {
            /** @description the plan for a sentence; nothing is run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: components["schemas"]["AskView"];
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_approvals_id_approve: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description YES, where the risk is critical */
                    confirm?: string;
                };
            };
        };
        responses: {
            /** @description say yes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_approvals_id_reject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description in your words */
                    why?: string;
                };
            };
        };
        responses: {
            /** @description say no */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_pause: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description 1h, 90s; else until resumed */
                    for?: string;
                };
            };
        };
        responses: {
            /** @description stop all actions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_resume: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description let actions go on */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_actions_id_undo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description put an action back */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_incidents_id_note: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the note */
                    text: string;
                };
            };
        };
        responses: {
            /** @description add to an incident's story */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_webhook: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the sender's id: the same again is the same incident */
                    incident_id: string;
                    /** @description what it is about */
                    service: string;
                    /** @description what sort of trouble */
                    type: string;
                    /** @description low, medium, high or critical */
                    severity: string;
                    /** @description what is wrong */
                    message: string;
                    /** @description lines */
                    logs?: string[];
                    /** @description figures */
                    metrics?: Record<string, never>;
                    /** @description where hale observes it */
                    container?: string;
                    /** @description likewise */
                    unit?: string;
                    /** @description where to ask whether it is well */
                    health_url?: string;
                };
            };
        };
        responses: {
            /** @description report trouble */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        incident_id: string;
                        id: string;
                        state: string;
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_webhooks_alertmanager: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alertmanager's webhook, version 4 */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_webhooks_grafana: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Grafana's webhook */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_webhooks_github: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description GitHub's webhook, signed */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_webhooks_slack: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Slack's buttons, signed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description who this caller is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: {
                            signed_in: boolean;
                            actor: string | null;
                            /** @enum {unknown|null} */
                            role: "viewer" | "operator" | "admin" | null;
                            may_change: boolean;
                            expires_in_secs: number | null;
                        };
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_session_end: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description sign this browser out */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    get_tokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description API tokens, never themselves */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema_version: string;
                        /** Format: date-time */
                        generated_at: string;
                        data: {
                            tokens: components["schemas"]["TokenView"][];
                        };
                        staleness: {
                            [key: string]: number;
                        };
                        warnings: string[];
                    };
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_tokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description what to call it */
                    name: string;
                    /** @description viewer, operator or admin */
                    role: string;
                    /** @description 30d; else never */
                    expires?: string;
                };
            };
        };
        responses: {
            /** @description make a token: shown this once */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    post_tokens_name_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description end a token at once */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["View"];
                };
            };
            /** @description what was wrong, where, and the next step */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
}
