//! The times as a chart. Both axes are logarithmic; medians are solid lines, 99th percentiles
//! dashed.

use std::fmt::Write;
use std::time::Duration;

use crate::{Point, Series};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 370.0;

/// The powers of ten at the ends of the axes, for sessions and for microseconds.
const SESSIONS: [f64; 2] = [3.0, 6.0];
const MICROS: [f64; 2] = [1.0, 5.0];

const COLOURS: [&str; 4] = ["#1b6ca8", "#8a4fb5", "#c8501e", "#2f7d32"];

/// The chart as SVG.
pub(crate) fn draw(series: &[Series]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>Latency of guard and refresh by the number of sessions</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    axes(&mut svg);
    for (at, (series, colour)) in series.iter().zip(COLOURS).enumerate() {
        line(&mut svg, series, |point| point.median, colour, "");
        line(&mut svg, series, |point| point.p99, colour, " stroke-dasharray=\"4 4\"");
        let y = TOP + 20.0 + 22.0 * at as f64;
        let _ =
            writeln!(svg, "<path d=\"M{} {y}h24\" stroke=\"{colour}\" stroke-width=\"2\"/>", RIGHT + 15.0);
        text(&mut svg, RIGHT + 45.0, y + 4.0, "start", &series.name);
    }
    text(&mut svg, RIGHT + 15.0, TOP + 122.0, "start", "dashed: 99th percentile");
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String) {
    for power in SESSIONS[0] as i32..=SESSIONS[1] as i32 {
        let x = across(f64::from(power));
        let _ = writeln!(svg, "<path d=\"M{x} {TOP}V{BOTTOM}\" stroke=\"#ddd\"/>");
        text(
            svg,
            x,
            BOTTOM + 18.0,
            "middle",
            ["1,000", "10,000", "100,000", "1,000,000"][power as usize - 3],
        );
    }
    for power in MICROS[0] as i32..=MICROS[1] as i32 {
        let y = up(f64::from(power));
        let _ = writeln!(svg, "<path d=\"M{LEFT} {y}H{RIGHT}\" stroke=\"#ddd\"/>");
        let label = ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms"][power as usize - 1];
        text(svg, LEFT - 8.0, y + 4.0, "end", label);
    }
    text(svg, f64::midpoint(LEFT, RIGHT), BOTTOM + 38.0, "middle", "sessions");
}

fn line(svg: &mut String, series: &Series, figure: fn(&Point) -> Duration, colour: &str, dashes: &str) {
    let places: Vec<String> = series
        .points
        .iter()
        .map(|point| {
            let micros = figure(point).as_secs_f64() * 1e6;
            format!("{:.1},{:.1}", across((point.sessions as f64).log10()), up(micros.log10()))
        })
        .collect();
    let places = places.join(" ");
    let style = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}");
    let _ = writeln!(svg, "<polyline points=\"{places}\" {style}/>");
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"#222\">{text}</text>");
}

fn across(power: f64) -> f64 {
    LEFT + (power - SESSIONS[0]) / (SESSIONS[1] - SESSIONS[0]) * (RIGHT - LEFT)
}

fn up(power: f64) -> f64 {
    BOTTOM - (power - MICROS[0]) / (MICROS[1] - MICROS[0]) * (BOTTOM - TOP)
}
