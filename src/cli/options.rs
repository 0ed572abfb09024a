//! What can be typed.

use super::config;
use super::inspect::Inspect;
use super::install::Install;
use super::query::Query;
use crate::console::LogLines;
use crate::source::Spec;
use anyhow::{Result, anyhow};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Serves genomic files to the EpiViz browser: open its page and see your data at every zoom level.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, args_override_self = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[command(flatten)]
    serve: Options,
}

const AFTER_HELP: &str = "\
A SOURCE is a file, with options behind commas: signal.bw,name=H3K4me3,color=#d62728
  name       what people see
  format     one of the known formats
  group      signals of one group are drawn and compared together
  summary    mean, min or max: what a bin of a signal shows
  missing    zero or gap: what a base without data means in a signal
  columns    columns to serve, separated by ':'
  info       keys of a VCF's INFO to serve as columns, separated by ':'
  rows       genes or transcripts: what a row of a gene annotation is
  samples    a table that describes the samples of a matrix, first column their names
  reference  the FASTA of a CRAM's reference: not needed, but checked if named
  base       0 or 1: the first base's number in a table of which that is not clear
  color      colour of its charts, like #1f77b4
  range      LOW:HIGH, the values that charts show";

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Serve files (also without this word)
    Serve(Options),
    /// Give commands to an epivizrs that runs already
    Attach(AttachOptions),
    /// Tell what is in a file and how it would be served
    Inspect(Inspect),
    /// Print the rows that a page would get of a region
    Query(Query),
    /// A copy of EpiViz of one's own
    #[command(subcommand)]
    Ui(Ui),
    /// Print what makes a shell complete the options: 'epivizrs completions bash'
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Subcommand)]
enum Ui {
    /// Fetch a copy of EpiViz with git; from then on it is served at /epiviz/
    Install(Install),
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Task {
    /// Serve files.
    Serve(Box<Options>),
    /// Give commands to an endpoint that runs.
    Attach(AttachOptions),
    /// Tell what is in files.
    Inspect(Inspect),
    /// Print rows.
    Query(Box<Query>),
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
    /// Where it runs; with /ws/NAME, the session of that name
    #[arg(default_value = "ws://localhost:8888", value_name = "URL")]
    pub url: String,
    /// Run this command, or several separated by ';', and end; may be repeated
    #[arg(short, long, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// How commands are run
    #[command(flatten)]
    pub script: ScriptOptions,
    /// Go on after failed commands
    #[arg(long)]
    pub keep_going: bool,
}

/// How commands are run.
#[derive(Debug, Args)]
pub struct ScriptOptions {
    /// Run the commands of a file ('-' for standard input), then end; the first failure ends with
    /// exit code 3, unless --keep-going
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Stay after the script, until Ctrl-C
    #[arg(long)]
    pub stay: bool,
    /// Print answers as lines of JSON
    #[arg(long)]
    pub json: bool,
}

impl Cli {
    /// Reads the command line, and the configuration file that it names.
    ///
    /// # Errors
    /// The configuration file cannot be read, or says what the command line cannot.
    pub fn read(mut line: Vec<OsString>) -> Result<Self> {
        let mut cli = Cli::parse_from(&line);
        let Some(path) = cli.options_mut().and_then(|options| options.config.take()) else {
            return Ok(cli);
        };
        let config = config::read(&path)?;
        // What comes later wins: the file's options stand before those that were typed.
        let first = if line.get(1).is_some_and(|word| word == "serve") { 2 } else { 1 };
        line.splice(first..first, config.arguments.into_iter().map(OsString::from));
        let mut cli = Cli::try_parse_from(&line)
            .map_err(|error| anyhow!("{}: {}", path.display(), first_line(&error.to_string())))?;
        if let Some(options) = cli.options_mut() {
            options.sources.splice(0..0, config.sources);
        }
        Ok(cli)
    }

    fn options_mut(&mut self) -> Option<&mut Options> {
        match &mut self.command {
            Some(Subcommands::Serve(options)) => Some(options),
            None => Some(&mut self.serve),
            _ => None,
        }
    }

    /// What was asked for, however it was written.
    pub fn task(self) -> Task {
        match self.command {
            Some(Subcommands::Serve(options)) => Task::Serve(Box::new(options)),
            Some(Subcommands::Attach(options)) => Task::Attach(options),
            Some(Subcommands::Inspect(inspect)) => Task::Inspect(inspect),
            Some(Subcommands::Query(query)) => Task::Query(Box::new(query)),
            Some(Subcommands::Ui(Ui::Install(install))) => Task::Install(install),
            Some(Subcommands::Completions { shell }) => Task::Completions(shell),
            Some(Subcommands::Man) => Task::Man,
            None => Task::Serve(Box::new(self.serve)),
        }
    }
}

/// The reason in clap's message, which goes on with how to get help.
fn first_line(message: &str) -> &str {
    let line = message.lines().next().unwrap_or(message);
    line.strip_prefix("error: ").unwrap_or(line)
}

/// The options of `serve`.
#[derive(Debug, Args)]
pub struct Options {
    /// Files to serve; without any, demonstration data and the tutorial's mock
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<Spec>,
    /// Read options and sources from a file, too: TOML, epivizFileServer's JSON, or the hub.txt of
    /// a UCSC track hub on this machine; what is typed here goes before
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Other names of sequences, in the format of UCSC's chromAlias.txt
    #[arg(long, value_name = "FILE")]
    pub aliases: Option<PathBuf>,
    /// Address to listen on; other than loopback, others can reach your data
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    pub host: String,
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 8888, value_name = "PORT")]
    pub port: u16,
    /// Assembly: a built-in one (hg38, hg19, mm39, mm10, ...) or a chrom.sizes or .fai file;
    /// default: what the files say, else hg38
    #[arg(long, value_name = "NAME|FILE")]
    pub assembly: Option<String>,
    /// Folder for what is made from large files once; default: your platform's cache folder
    #[arg(long, value_name = "FOLDER")]
    pub cache_dir: Option<PathBuf>,
    /// Also serve the mock data of EpiViz's WebSocket tutorial
    #[arg(long)]
    pub mock: bool,
    /// Seed of the mock data
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub mock_seed: u64,
    /// Serve what can be opened even if some files cannot
    #[arg(long)]
    pub keep_going: bool,
    /// The EpiViz page whose address is printed
    #[arg(long, default_value = "http://epiviz.cbcb.umd.edu/4/index.php", value_name = "URL")]
    pub page_url: String,
    /// A folder with a copy of EpiViz, to be served at /epiviz/; default: the one that
    /// 'epivizrs ui install' fetched
    #[arg(long, value_name = "DIR")]
    pub ui: Option<PathBuf>,
    /// Let pages of this origin connect too, such as <https://lab.example>; 'null' for pages from
    /// files, '*' for all
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Rows that a page should have in view; half to twice as many are drawn
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u64).range(50..=20_000))]
    pub page_rows: u64,
    /// Open the built-in page in the browser
    #[arg(long)]
    pub open: bool,
    /// How commands are run
    #[command(flatten)]
    pub script: ScriptOptions,
    /// Folder for workspaces and what pages showed, so that the next start goes on from there;
    /// 'none' to keep nothing; default: the user's data folder
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// How long a page may take to do what it is asked, in seconds
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    pub page_timeout: f64,
    /// Do not prompt for commands, even at a terminal
    #[arg(long)]
    pub no_prompt: bool,
    /// Log more; twice for everything
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log only errors, and print no greeting
    #[arg(short, long)]
    pub quiet: bool,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

impl Options {
    /// Sends log lines to standard error. The environment variable `EPIVIZRS_LOG` overrides
    /// `-v` and `-q`: a level, or `part=level` with commas between.
    pub(super) fn set_up_logging(&self) {
        let (own, others) = match (self.quiet, self.verbose) {
            (true, _) => (Level::ERROR, Level::ERROR),
            (_, 0) => (Level::INFO, Level::WARN),
            (_, 1) => (Level::DEBUG, Level::INFO),
            _ => (Level::TRACE, Level::TRACE),
        };
        let wanted = std::env::var("EPIVIZRS_LOG").ok();
        let filter = wanted.and_then(|wanted| wanted.parse::<Targets>().ok());
        let filter = filter
            .unwrap_or_else(|| Targets::new().with_target("epivizrs", own).with_default(others));
        let color = std::io::IsTerminal::is_terminal(&std::io::stderr())
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let lines = tracing_subscriber::fmt::layer().with_writer(LogLines);
        let lines = match self.log_format {
            LogFormat::Json => lines.json().boxed(),
            LogFormat::Text => lines.with_ansi(color).with_target(false).without_time().boxed(),
        };
        tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_names_every_key_of_a_source() {
        for (key, about) in crate::source::KEYS {
            let line = AFTER_HELP.lines().find(|line| line.trim_start().starts_with(key));
            assert!(line.is_some_and(|line| line.ends_with(about)), "{key}");
        }
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
