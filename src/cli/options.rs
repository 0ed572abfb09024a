//! The options of the command line.

use super::access_options::{AccessConfig, AccessOptions};
use super::inspect::Inspect;
use super::install::Install;
use super::limits::LimitOptions;
use super::prepare::Prepare;
use super::query::QueryOptions;
use super::remote_options::RemoteOptions;
use crate::bytes::remote::Pattern;
use crate::catalog::ComputedSpec;
use crate::console::two_columns;
use crate::server::BasePath;
use crate::source::{KEYS, Spec};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Serves genomic files to the EpiViz browser: open its page and see your data at every zoom level.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, args_override_self = true, after_help = after_help())]
pub struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Subcommands>,
    #[command(flatten)]
    pub(super) serve: ServeOptions,
}

/// Describes the syntax of sources, for the end of the help.
fn after_help() -> String {
    let keys = KEYS.iter().map(|(key, takes)| two_columns(key, takes, 14));
    let keys: String = keys.collect();
    let about = "A SOURCE is a file or its address, with options after commas:";
    format!("{about}\n  signal.bw,name=H3K4me3,color=#d62728\n{}", keys.trim_end())
}

#[derive(Debug, Subcommand)]
pub(super) enum Subcommands {
    /// Serve files; the default command
    Serve(ServeOptions),
    /// Run commands on an epivizrs that is already running
    Attach(AttachOptions),
    /// Describe a file: its contents and how it would be served
    Inspect(Inspect),
    /// Print the rows that a page would get for a region
    Query(QueryOptions),
    /// Make what is derived of files (sums, coverage, sorted copies) once, for any endpoint
    Prepare(Prepare),
    /// Manage a local copy of EpiViz
    #[command(subcommand)]
    Ui(Ui),
    /// Print completions for a shell: 'epivizrs completions bash'
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Subcommand)]
pub(super) enum Ui {
    /// Fetch a copy of EpiViz with git; it is served at /epiviz/ from then on
    Install(Install),
}

/// A task from the command line.
#[derive(Debug)]
pub enum Task {
    /// Serve files.
    Serve(Box<ServeOptions>),
    /// Run commands on a running endpoint.
    Attach(AttachOptions),
    /// Describe files.
    Inspect(Inspect),
    /// Print rows.
    Query(Box<QueryOptions>),
    /// Derive files.
    Prepare(Prepare),
    /// Install a copy of EpiViz.
    Install(Install),
    /// Print completions for a shell.
    Completions(Shell),
    /// Print the manual page.
    Man,
}

/// The options of `attach`.
#[derive(Debug, Args)]
pub struct AttachOptions {
    /// Address of the endpoint, such as lab:9000, or wss://lab:9000 with TLS; with /ws/NAME, the
    /// session of that name; or unix:PATH of its --socket
    #[arg(default_value = "ws://localhost:8888", value_name = "URL")]
    pub url: String,
    /// Token, if the endpoint asks for one; other users can see it in the list of processes, so
    /// --token-file or the variable EPIVIZRS_TOKEN is safer
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    pub token: Option<String>,
    /// File that holds this token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// PEM file with the certificates of further authorities to trust, or of the endpoint itself
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Run a command, or several separated by ';', and exit; may be repeated
    #[arg(short, long, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Scripts and their output
    #[command(flatten)]
    pub script: ScriptOptions,
    /// Continue after commands that fail
    #[arg(long)]
    pub keep_going: bool,
}

/// Scripts and their output.
#[derive(Debug, Args)]
pub struct ScriptOptions {
    /// Run the commands of a file ('-' for standard input), then exit; stops at the first error
    /// with exit code 3, unless --keep-going is given
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Keep running after the script, until Ctrl-C
    #[arg(long)]
    pub stay: bool,
    /// Print answers as lines of JSON
    #[arg(long)]
    pub json: bool,
}

impl Cli {
    /// Returns the task that the arguments select.
    pub fn task(self) -> Task {
        match self.command {
            Some(Subcommands::Serve(options)) => Task::Serve(Box::new(options)),
            Some(Subcommands::Attach(options)) => Task::Attach(options),
            Some(Subcommands::Inspect(inspect)) => Task::Inspect(inspect),
            Some(Subcommands::Query(query)) => Task::Query(Box::new(query)),
            Some(Subcommands::Prepare(prepare)) => Task::Prepare(prepare),
            Some(Subcommands::Ui(Ui::Install(install))) => Task::Install(install),
            Some(Subcommands::Completions { shell }) => Task::Completions(shell),
            Some(Subcommands::Man) => Task::Man,
            None => Task::Serve(Box::new(self.serve)),
        }
    }
}

/// The options of `serve`.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// Files to serve or their addresses (https, s3, gs, az), folders of files, the hub.txt of a
    /// track hub, '-' for standard input; default: demonstration data and the mock data of EpiViz's
    /// tutorial
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<Spec>,
    /// Measurements that the configuration file defines by expressions.
    #[arg(skip)]
    pub computed: Vec<ComputedSpec>,
    /// Errors in single sources of the configuration file.
    #[arg(skip)]
    pub refused: Vec<String>,
    /// The table [access] of the configuration file.
    #[arg(skip)]
    pub configured: AccessConfig,
    /// Configuration file with options and sources: TOML, epivizFileServer's JSON, or the hub.txt
    /// of a UCSC track hub on this machine; command-line options take precedence
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Aliases of sequences, in the format of UCSC's chromAlias.txt
    #[arg(long, value_name = "FILE")]
    pub aliases: Option<PathBuf>,
    /// Address to listen on; unless it is a loopback address, other machines can reach your data
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    pub host: String,
    /// Port to listen on; 0 for any free port
    #[arg(long, default_value_t = 8888, value_name = "PORT")]
    pub port: u16,
    /// Path prefix to serve under, such as /genomes, for a proxy that does not remove it
    #[arg(long, default_value = "/", value_name = "PATH")]
    pub base_path: BasePath,
    /// Assembly: a built-in one (hg38, hg19, mm39, mm10, ...) or a chrom.sizes or .fai file;
    /// default: the one that fits the files, else hg38
    #[arg(long, value_name = "NAME|FILE")]
    pub assembly: Option<String>,
    /// Folder for sorted copies and other files derived from large files, and for what was read
    /// from other machines; default: your platform's cache folder
    #[arg(long, value_name = "FOLDER")]
    pub cache_dir: Option<PathBuf>,
    /// Folder or address with what 'epivizrs prepare' derived of the files; it is copied to the
    /// cache folder when it is needed
    #[arg(long, value_name = "ADDRESS")]
    pub prepared: Option<String>,
    /// Memory for what was read and is used again (decompressed blocks, indexes, sums), in MiB;
    /// small text files are held in memory besides
    #[arg(long, default_value_t = 512, value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..))]
    pub memory: u32,
    /// Files on other machines
    #[command(flatten)]
    pub remote: RemoteOptions,
    /// Let consoles in other terminals and programs load files from these addresses, such as
    /// <https://data.example/tracks/*>; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub allow_url: Vec<Pattern>,
    /// Also serve the mock data of EpiViz's WebSocket tutorial
    #[arg(long)]
    pub mock: bool,
    /// Seed of the mock data
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub mock_seed: u64,
    /// Serve the files that can be opened even if others cannot
    #[arg(long)]
    pub keep_going: bool,
    /// EpiViz page for the printed address
    #[arg(long, default_value = "http://epiviz.cbcb.umd.edu/4/index.php", value_name = "URL")]
    pub page_url: String,
    /// Folder with a copy of EpiViz to serve at /epiviz/; default: the one that 'epivizrs ui
    /// install' fetched
    #[arg(long, value_name = "DIR")]
    pub ui: Option<PathBuf>,
    /// Also allow pages of this origin, such as <https://lab.example>; 'null' for pages opened from
    /// files, '*' for all
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Target number of rows in a view; half to twice as many are drawn
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u64).range(50..=20_000))]
    pub page_rows: u64,
    /// Open the built-in page in the browser
    #[arg(long)]
    pub open: bool,
    /// Scripts and their output
    #[command(flatten)]
    pub script: ScriptOptions,
    /// Folder for workspaces and sessions, so that the next start continues with them; 'none' to
    /// save nothing; default: the user's data folder
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// How often to check whether files have changed on disk, in seconds; 0 for never. Changed
    /// files are reopened, and redrawn on all pages; files on other machines are checked fifteen
    /// times less often
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    pub watch: f64,
    /// How long a page may take to answer, in seconds
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    pub page_timeout: f64,
    /// Access control
    #[command(flatten)]
    pub access: AccessOptions,
    /// Limits on clients
    #[command(flatten)]
    pub limits: LimitOptions,
    /// Do not prompt for commands, even at a terminal
    #[arg(long)]
    pub no_prompt: bool,
    /// Log more; twice for everything
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log only errors, and print no summary at startup
    #[arg(short, long)]
    pub quiet: bool,
    /// Format of log lines
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text.
    Text,
    /// One JSON object per line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_names_every_key_of_a_source_in_eighty_columns() {
        let help = after_help();
        for (key, _) in KEYS {
            assert!(help.lines().any(|line| line.trim_start().starts_with(key)), "{key}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }

    #[test]
    fn serve_may_be_left_out() {
        let sources = |line: &[&str]| match Cli::try_parse_from(line).unwrap().task() {
            Task::Serve(options) => options.sources,
            other => panic!("{other:?}"),
        };
        assert_eq!(sources(&["epivizrs", "a.bed"]), sources(&["epivizrs", "serve", "a.bed"]));
        assert_eq!(sources(&["epivizrs"]), []);
    }
}
