// Command dockerfile-oracle answers what BuildKit's Dockerfile frontend makes of texts: one JSON request a line on
// standard input, one JSON answer a line on standard output. Tests compare Cambium's frontend with it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

type request struct {
	Kind      string
	Text      string
	Escape    string
	Env       []string
	BuildArgs map[string]string
	Target    string
	// Of images that exist: their name in full, and their config.
	Images map[string]json.RawMessage
}

type heredoc struct {
	Name   string `json:"name"`
	Expand bool   `json:"expand"`
	Chomp  bool   `json:"chomp"`
	Body   string `json:"body"`
}

type statement struct {
	Instruction string    `json:"instruction"`
	Line        int       `json:"line"`
	Original    string    `json:"original"`
	Flags       []string  `json:"flags"`
	Heredocs    []heredoc `json:"heredocs"`
}

type warning struct {
	Code string `json:"code"`
	Line int    `json:"line"`
}

type mount struct {
	Type     string `json:"type"`
	Target   string `json:"target"`
	Source   string `json:"source,omitempty"`
	ReadOnly bool   `json:"readOnly"`
	ID       string `json:"id,omitempty"`
	Sharing  string `json:"sharing,omitempty"`
	Size     int64  `json:"size,omitempty"`
	Mode     uint32 `json:"mode,omitempty"`
	UID      uint32 `json:"uid,omitempty"`
	GID      uint32 `json:"gid,omitempty"`
	Optional bool   `json:"optional,omitempty"`
}

type run struct {
	Argv     []string `json:"argv"`
	Env      []string `json:"env"`
	Cwd      string   `json:"cwd"`
	User     string   `json:"user"`
	Network  string   `json:"network"`
	Security string   `json:"security"`
	Mounts   []mount  `json:"mounts"`
	Secrets  []string `json:"secrets"`
	Proxy    []string `json:"proxy"`
}

type copied struct {
	Source  string   `json:"source"`
	Target  string   `json:"target"`
	Mode    int32    `json:"mode"`
	ModeStr string   `json:"modeStr"`
	Owner   string   `json:"owner"`
	Unpack  bool     `json:"unpack"`
	Include []string `json:"include"`
	Exclude []string `json:"exclude"`
}

type answer struct {
	Error      string            `json:"error,omitempty"`
	Text       string            `json:"text"`
	Words      []string          `json:"words"`
	Statements []statement       `json:"statements"`
	Count      int               `json:"count"`
	Warnings   []warning         `json:"warnings"`
	Image      json.RawMessage   `json:"image,omitempty"`
	Runs       []run             `json:"runs"`
	Copies     []copied          `json:"copies"`
	Sources    map[string]string `json:"sources"`
	Folders    []string          `json:"folders"`
	Inline     []string          `json:"inline"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(answerTo(asked)); err != nil {
			os.Exit(1)
		}
	}
}

func answerTo(asked request) (given answer) {
	// The frontend panics at some inputs; that is an answer too.
	defer func() {
		if r := recover(); r != nil {
			given = answer{Error: fmt.Sprint("panic: ", r)}
		}
	}()
	var err error
	switch asked.Kind {
	case "expand":
		given, err = expand(asked)
	case "parse":
		given, err = parse(asked)
	case "build":
		given, err = build(asked)
	default:
		err = errors.New("unknown kind")
	}
	if err != nil {
		given.Error = err.Error()
	}
	return given
}

func expand(asked request) (answer, error) {
	escape := '\\'
	if asked.Escape == "`" {
		escape = '`'
	}
	lex := shell.NewLex(escape)
	env := shell.EnvsFromSlice(asked.Env)
	text, _, err := lex.ProcessWord(asked.Text, env)
	if err != nil {
		return answer{}, err
	}
	words, err := lex.ProcessWords(asked.Text, env)
	return answer{Text: text, Words: words}, err
}

func parse(asked request) (answer, error) {
	result, err := parser.Parse(strings.NewReader(asked.Text))
	if err != nil {
		return answer{}, err
	}
	var given answer
	for _, node := range result.AST.Children {
		one := statement{Instruction: node.Value, Line: node.StartLine, Original: node.Original, Flags: node.Flags}
		for _, doc := range node.Heredocs {
			one.Heredocs = append(one.Heredocs, heredoc{doc.Name, doc.Expand, doc.Chomp, doc.Content})
		}
		given.Statements = append(given.Statements, one)
	}
	stages, _, err := instructions.Parse(result.AST, nil)
	given.Count = len(stages)
	return given, err
}

type images map[string]json.RawMessage

func (known images) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config, ok := known[ref]
	if !ok {
		return "", "", nil, fmt.Errorf("no image %s", ref)
	}
	return ref, digest.FromBytes(config), config, nil
}

func build(asked request) (answer, error) {
	ctx := context.Background()
	var given answer
	platform := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	caps := pb.Caps.CapSet(pb.Caps.All())
	result, err := dockerfile2llb.Dockerfile2LLB(ctx, []byte(asked.Text), dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			BuildArgs:      asked.BuildArgs,
			Target:         asked.Target,
			BuildPlatforms: []ocispecs.Platform{platform},
		},
		TargetPlatform: &platform,
		MetaResolver:   images(asked.Images),
		LLBCaps:        &caps,
		Warn: func(rule, _, _, _ string, at []parser.Range) {
			line := 0
			if len(at) > 0 {
				line = at[0].Start.Line
			}
			given.Warnings = append(given.Warnings, warning{rule, line})
		},
	})
	if err != nil {
		return given, err
	}
	if given.Image, err = json.Marshal(result.Image); err != nil {
		return given, err
	}
	definition, err := result.State.Marshal(ctx, llb.LinuxAmd64, llb.WithCaps(caps))
	if err != nil {
		return given, err
	}
	return given, given.readOps(definition.ToPB().Def)
}

func (given *answer) readOps(ops [][]byte) error {
	given.Sources = map[string]string{}
	for _, bytes := range ops {
		var op pb.Op
		if err := op.Unmarshal(bytes); err != nil {
			return err
		}
		if exec := op.GetExec(); exec != nil {
			given.Runs = append(given.Runs, runOf(exec))
		}
		if source := op.GetSource(); source != nil {
			given.Sources[source.Identifier] = source.Attrs["http.checksum"] + source.Attrs["git.checksum"]
		}
		for _, action := range op.GetFile().GetActions() {
			if c := action.GetCopy(); c != nil {
				given.Copies = append(given.Copies, copied{
					Source: c.Src, Target: c.Dest, Mode: c.Mode, ModeStr: c.ModeStr, Owner: ownerOf(c.Owner),
					Unpack:  c.AttemptUnpackDockerCompatibility,
					Include: c.IncludePatterns, Exclude: c.ExcludePatterns,
				})
			}
			if folder := action.GetMkdir(); folder != nil && folder.Path != "/cache" {
				given.Folders = append(given.Folders, folder.Path+" "+ownerOf(folder.Owner))
			}
			if file := action.GetMkfile(); file != nil {
				given.Inline = append(given.Inline, file.Path+"\n"+string(file.Data))
			}
		}
	}
	return nil
}

func runOf(exec *pb.ExecOp) run {
	meta := exec.Meta
	one := run{
		Argv: meta.Args, Env: meta.Env, Cwd: meta.Cwd, User: meta.User,
		Network: exec.Network.String(), Security: exec.Security.String(),
	}
	for _, secret := range exec.Secretenv {
		one.Secrets = append(one.Secrets, fmt.Sprintf("%s %s %t", secret.ID, secret.Name, secret.Optional))
	}
	if p := meta.ProxyEnv; p != nil {
		one.Proxy = []string{p.HttpProxy, p.HttpsProxy, p.FtpProxy, p.NoProxy, p.AllProxy}
	}
	for _, m := range exec.Mounts {
		if m.Dest == "/" {
			continue
		}
		found := mount{Type: m.MountType.String(), Target: m.Dest, Source: m.Selector, ReadOnly: m.Readonly}
		if m.CacheOpt != nil {
			found.ID, found.Sharing = m.CacheOpt.ID, m.CacheOpt.Sharing.String()
		}
		if m.TmpfsOpt != nil {
			found.Size = m.TmpfsOpt.Size
		}
		if o := m.SecretOpt; o != nil {
			found.ID, found.Mode, found.UID, found.GID, found.Optional = o.ID, o.Mode, o.Uid, o.Gid, o.Optional
		}
		if o := m.SSHOpt; o != nil {
			found.ID, found.Mode, found.UID, found.GID, found.Optional = o.ID, o.Mode, o.Uid, o.Gid, o.Optional
		}
		one.Mounts = append(one.Mounts, found)
	}
	return one
}

func ownerOf(owner *pb.ChownOpt) string {
	if owner == nil {
		return ""
	}
	return userOf(owner.User) + ":" + userOf(owner.Group)
}

func userOf(user *pb.UserOpt) string {
	if user == nil || user.User == nil {
		return ""
	}
	if name := user.GetByName(); name != nil {
		return name.Name
	}
	return fmt.Sprint(user.GetByID())
}
