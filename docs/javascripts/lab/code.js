/* The panel `code`: the Python code that gives the same network. */
"use strict";

{
  const { make, panels } = seqtoysLab;

  panels.code = (lab) => {
    const code = make("code", { tabindex: 0, role: "region", "aria-label": "Python code" });

    function refresh() {
      const { learn, units, seed, rate } = lab.settings, epochs = lab.trainer.losses.length;
      const text = JSON.stringify(learn), size = units === null ? "" : `hidden_size=${units}, `;
      code.textContent = [
        "from seqtoys import ElmanCharModel, Vocab, fit\n",
        `vocab = Vocab.from_text(${text})`,
        `model = ElmanCharModel(vocab, ${size}seed=${seed})`,
        ...(epochs ? [`fit(model, ${text}, epochs=${epochs}, lr=${rate})`] : []),
        ...(lab.isEdited ? ["# some weights were also changed by hand"] : []),
        `print(model.predict(${JSON.stringify(lab.reading)}))`,
      ].join("\n");
    }

    const element = make("pre", { class: "lab-code" }, code);
    return { title: "The same in Python", element, refresh };
  };
}
