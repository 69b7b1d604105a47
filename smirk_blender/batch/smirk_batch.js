// A job type of Flamenco: each clip of a SMIRK batch is a task. Put this file into the folder `scripts` of Flamenco Manager.
//
// `smirk batch ... --out DIR --plan flamenco.json` writes the job, to be sent to the manager:
//     curl -H 'Content-Type: application/json' -d @flamenco.json http://MANAGER:8080/api/v3/jobs
// Workers need the add-on in the Blender that the variable {blender} names, and the same paths to footage and DIR.

const BLENDER = "{blender}";  // a variable of the manager's; it fills in no defaults of settings that were not sent

const JOB_TYPE = {
    label: "SMIRK Batch",
    description: "Facial capture: every clip becomes a take and a baked head.",
    settings: [
        { key: "job_file", type: "string", subtype: "file_path", required: true,
          description: "The job that smirk batch --plan has written" },
        { key: "out", type: "string", subtype: "dir_path", required: true,
          description: "The output folder, which all workers share" },
        { key: "clips", type: "string", required: true,
          description: "The clips' names, a line each" },
        { key: "blender", type: "string", default: BLENDER, required: false,
          description: "Blender with the add-on" },
        { key: "python", type: "string", default: "", required: false,
          description: "The worker's Python; the add-on's preferences where left empty" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    // A manager gives a job up when a tenth of its tasks has failed, and runs no report after one that did.
    const more = ["--carry-on"].concat(settings.python ? ["--python", settings.python] : []);
    const clips = settings.clips.split("\n").map((name) => name.trim()).filter((name) => name.length > 0);
    const report = author.Task("report", "misc");
    for (const name of clips) {
        const task = author.Task(name, "blender");
        task.addCommand(smirk(settings, ["clip", settings.job_file, name, "--out", settings.out].concat(more)));
        job.addTask(task);
        report.addDependency(task);
    }
    report.addCommand(smirk(settings, ["batch", settings.job_file, "--out", settings.out, "--report-only"]));
    job.addTask(report);
}

function smirk(settings, args) {
    return author.Command("exec", {
        exe: settings.blender || BLENDER,
        args: ["--background", "--command", "smirk"].concat(args),
    });
}
